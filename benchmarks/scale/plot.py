"""The picture of the benchmark of scale."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fer_zoo.png import new_figure, plain_axes

from .rows import ScaleRow

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_scale(rows: Sequence[ScaleRow]) -> Figure:
    """Photos a second over workers, one line for each kind of photo, and what as many times the first row would be."""
    figure = new_figure(6, 4)
    axes = figure.subplots()
    for kind in dict.fromkeys(row.photo for row in rows):
        selected = [row for row in rows if row.photo == kind]
        workers = [row.workers for row in selected]
        (line,) = axes.plot(workers, [row.photos_per_second for row in selected], marker="o", label=kind)
        ideal = [selected[0].photos_per_second * count / workers[0] for count in workers]
        axes.plot(workers, ideal, linestyle=":", color=line.get_color())
    axes.set(xlabel="workers", ylabel="photos/s (dotted: linear)", xticks=sorted({row.workers for row in rows}))
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter("{x:g}")
    axes.legend(fontsize=8)
    plain_axes(axes)
    return figure
