"""The picture of the training benchmark."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fer_zoo.png import new_figure, plain_axes

from .rows import SpeedRow
from .step import VARIANTS

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_speeds(speeds: Sequence[SpeedRow]) -> Figure:
    """Bars of images a second, one panel for each network."""
    networks = list(dict.fromkeys(row.network for row in speeds))
    backends = list(dict.fromkeys(row.backend for row in speeds))
    variants = [variant for variant in VARIANTS if any(row.variant == variant for row in speeds)]
    figure = new_figure(4.2 * len(networks), 3.6)
    for axes, network in zip(figure.subplots(1, len(networks), squeeze=False)[0], networks, strict=True):
        for offset, variant in enumerate(variants):
            rows = {row.backend: row for row in speeds if (row.network, row.variant) == (network, variant)}
            heights = [rows[backend].images_per_second if backend in rows else 0 for backend in backends]
            x = [index + (offset - (len(variants) - 1) / 2) * 0.27 for index in range(len(backends))]
            bars = axes.bar(x, heights, 0.25, label=variant)
            labels = [f"{rows[backend].speedup:.1f}x" if backend in rows else "" for backend in backends]
            axes.bar_label(bars, labels, fontsize=8)
        axes.set(title=network, xticks=range(len(backends)), xticklabels=backends, ylabel="images/s")
        plain_axes(axes)
    figure.axes[0].legend(fontsize=8)
    return figure
