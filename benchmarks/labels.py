"""Labels of points that neither cover each other nor a point."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.transforms import Bbox


def place_labels(
    figure: Figure,
    axes: Axes,
    x: list[float],
    y: list[float],
    texts: list[str],
    steps: list[tuple[float, float]],
) -> None:
    """Write each text near its point, at the nearest place that is still free.

    Args:
        figure: Of `axes`.
        axes: With its final limits.
        x: Data coordinate of each point.
        y: Data coordinate of each point.
        texts: Label of each point, empty for none.
        steps: Corners of a step line (`where="post"`) that labels should not cross.
    """
    from matplotlib.transforms import Bbox

    figure.canvas.draw()
    inside = axes.get_window_extent()
    pixels = axes.transData.transform(list(zip(x, y, strict=True)))
    dot = figure.dpi * 8 / 72
    taken = [Bbox.from_extents(px - dot, py - dot, px + dot, py + dot) for px, py in pixels]
    corners = axes.transData.transform(steps)
    for (x0, y0), (x1, y1) in pairwise(corners):
        taken.append(Bbox.from_extents(x0, y0 - 2, x1, y0 + 2))
        taken.append(Bbox.from_extents(x1 - 2, min(y0, y1), x1 + 2, max(y0, y1)))
    for (px, py), left, height, text in sorted(zip(pixels, x, y, texts, strict=True), key=lambda item: tuple(item[0])):
        if not text:
            continue
        label = axes.annotate(
            text,
            (left, height),
            (0, 0),
            textcoords="offset points",
            fontsize=9,
            ha="center",
            va="center",
            arrowprops={"arrowstyle": "-", "color": "#999999", "linewidth": 0.7, "shrinkA": 1, "shrinkB": 6},
        )
        box = label.get_window_extent()
        width, tall = box.width / 2, box.height / 2
        best, least = (0.0, 0.0), math.inf
        for dx, dy in _places(width, tall, dot):
            moved = Bbox.from_extents(px + dx - width, py + dy - tall, px + dx + width, py + dy + tall)
            hidden = sum(_overlap(moved, other) for other in taken) + moved.width * moved.height
            hidden -= _overlap(moved, inside)
            if hidden < least - 1e-6:
                best, least, chosen = (dx, dy), hidden, moved
            if least < 1e-6:
                break
        label.set_position((best[0] * 72 / figure.dpi, best[1] * 72 / figure.dpi))
        taken.append(chosen)


def _places(width: float, tall: float, dot: float) -> list[tuple[float, float]]:
    """Offsets of a label's middle, nearest first, in pixels; `width` and `tall` are half its size."""
    places = []
    for distance in (dot * 1.2, dot * 2.5, dot * 4, dot * 6, dot * 9, dot * 12):
        for turn in (4, 12, 3, 5, 11, 13, 2, 6, 10, 14, 1, 7, 9, 15, 0, 8):  # Above, below, then aside.
            angle = 2 * math.pi * turn / 16
            places.append(((width + distance) * math.cos(angle), (tall + distance) * math.sin(angle)))
    return places


def _overlap(a: Bbox, b: Bbox) -> float:
    width = min(a.x1, b.x1) - max(a.x0, b.x0)
    height = min(a.y1, b.y1) - max(a.y0, b.y0)
    return max(width, 0.0) * max(height, 0.0)
