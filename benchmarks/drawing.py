"""Shared by several plots: writing PNG files, and placing labels so that they do not overlap each other or the data."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fer_zoo.png import save_png

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# A line is represented by so many points, since labels only avoid points.
_POINTS_A_LINE = 60


def save_figure(path: Path, figure: Figure | None, dpi: int) -> bool:
    """Write a figure as PNG and return true; without a figure, remove an older file and return false."""
    if figure is None:
        path.unlink(missing_ok=True)
        return False
    save_png(figure, path, dpi)
    return True


def place_labels(
    axes: Axes,
    x: list[float],
    y: list[float],
    texts: list[str],
    lines: list[list[tuple[float, float]]],
) -> None:
    """Write each text near its point where it hides nothing, with a thin line to the point if it is farther away.

    Args:
        axes: Axes with their final limits and scales.
        x: Data coordinate of each point.
        y: Data coordinate of each point.
        texts: Label of each point, empty for none.
        lines: Corners of drawn lines, and single points, that labels must not cross either.
    """
    from adjustText import adjust_text

    axes.figure.canvas.draw()
    targets = [(a, b) for a, b, text in zip(x, y, texts, strict=True) if text]
    labels = [axes.text(a, b, text, fontsize=9) for (a, b), text in zip(targets, filter(None, texts), strict=True)]
    taken = [*zip(x, y, strict=True), *(point for line in lines for point in _along(axes, line))]
    adjust_text(
        labels,
        x=[a for a, _ in taken],
        y=[b for _, b in taken],
        target_x=[a for a, _ in targets],
        target_y=[b for _, b in targets],
        ax=axes,
        expand=(1.1, 1.5),
        iter_lim=300,
        ensure_inside_axes=True,
        arrowprops={"arrowstyle": "-", "color": "#999999", "linewidth": 0.7, "shrinkB": 6},
    )


def _along(axes: Axes, corners: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Points at equal distances along a line, in data coordinates; the line is straight in pixels."""
    pixels = axes.transData.transform(corners)
    points = [pixels[:1], *(np.linspace(a, b, _POINTS_A_LINE) for a, b in pairwise(pixels))]
    return [(float(a), float(b)) for a, b in axes.transData.inverted().transform(np.concatenate(points))]
