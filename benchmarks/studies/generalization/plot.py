"""The picture of the generalization study."""

from __future__ import annotations

from statistics import mean
from typing import TYPE_CHECKING

import numpy as np

from fer_zoo.png import new_figure

from .measure import BASE, HALVES, TESTS
from .page import figures
from .rows import Generalization

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_generalization(record: Generalization) -> Figure:
    """A panel for each half that was trained on: each variant's change of accuracy against the first, by test.

    Bars are means over the seeds, dots the seeds, each against the first variant with the same seed.
    """
    figure = new_figure(11, 4.5)
    axes = figure.subplots(1, len(HALVES), sharey=True)
    for axis, half in zip(axes, HALVES, strict=True):
        rows = [row for row in record.rows if row.half == half]
        variants = [name for name in dict.fromkeys(row.variant for row in rows) if name != BASE]
        for number, test in enumerate(TESTS):
            accuracies = figures(rows, test)
            x = np.arange(len(variants)) + 0.2 * (number - 1.5)
            changes = [100 * np.subtract(accuracies[variant], accuracies[BASE]) for variant in variants]
            axis.bar(x, [mean(change) for change in changes], 0.18, label=test)
            for place, change in zip(x, changes, strict=True):
                axis.plot([place] * len(change), change, ".", color="black", markersize=3)
        axis.axhline(0, color="gray", linewidth=0.8)
        axis.set_xticks(range(len(variants)), variants, rotation=20, ha="right")
        axis.set_title(f"trained on {half} faces")
        axis.grid(axis="y", alpha=0.3)
    axes[0].set_ylabel(f"points of accuracy against {BASE}")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=len(TESTS))
    return figure
