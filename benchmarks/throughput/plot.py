"""The picture of the throughput benchmark."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fer_zoo.png import new_figure, plain_axes

from .rows import ThroughputRow

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_throughput(rows: Sequence[ThroughputRow]) -> Figure:
    """Bars of milliseconds a photo on one core, one panel for each kind of photo."""
    kinds = list(dict.fromkeys(row.photo for row in rows))
    figure = new_figure(7, 1.6 * len(kinds) + 0.4)
    for axes, kind in zip(figure.subplots(len(kinds), squeeze=False)[:, 0], kinds, strict=True):
        selected = [row for row in rows if row.photo == kind and row.cores == 1]
        bars = axes.barh([row.program for row in selected], [row.cpu_ms for row in selected], color="#4c78a8")
        axes.bar_label(bars, [f"{row.cpu_ms:.1f}" for row in selected], fontsize=8, padding=2)
        axes.invert_yaxis()
        axes.set_title(kind, fontsize=9)
        axes.tick_params(labelsize=8)
        plain_axes(axes)
    figure.axes[-1].set_xlabel("CPU ms a photo, one core")
    return figure
