"""The pictures of the accuracy tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fer_zoo.png import new_figure, plain_axes

from .rows import SeedsRow, TtaRow
from .seeds import SPLITS
from .tta import KINDS

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_seeds(rows: Sequence[SeedsRow]) -> Figure:
    """A point for each training, and a bar at the mean of each model and split."""
    models = list(dict.fromkeys(row.model for row in rows))
    figure = new_figure(7, 1.2 + 0.9 * len(models))
    axes = figure.subplots()
    for offset, (split, name) in enumerate(SPLITS.items()):
        of_split = [(models.index(row.model) + (offset - 1) * 0.25, row) for row in rows if row.split == split]
        points = [(100 * accuracy, y) for y, row in of_split for accuracy in row.accuracies]
        (drawn,) = axes.plot(*zip(*points, strict=True), "o", alpha=0.7, label=name)
        means = [100 * row.mean for _, row in of_split]
        axes.plot(means, [y for y, _ in of_split], "|", markersize=16, markeredgewidth=2, color=drawn.get_color())
    axes.set(yticks=range(len(models)), yticklabels=models, ylim=(len(models) - 0.5, -0.5), xlabel="accuracy, %")
    plain_axes(axes, grid="x")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=8)
    return figure


def plot_tta(rows: Sequence[TtaRow]) -> Figure:
    """Points of accuracy on all test images that each kind of augmentation adds, by model."""
    accuracies = {(row.model, row.tta): row.accuracy for row in rows}
    models = list(dict.fromkeys(row.model for row in rows))
    none, *kinds = KINDS
    figure = new_figure(7, 1.2 + 0.35 * len(models))
    axes = figure.subplots()
    for offset, kind in enumerate(kinds):
        measured = [(y, name) for y, name in enumerate(models) if (name, kind) in accuracies]
        gains = [100 * (accuracies[name, kind] - accuracies[name, none]) for _, name in measured]
        axes.barh([y + (offset - 0.5) * 0.35 for y, _ in measured], gains, 0.33, label=KINDS[kind])
    axes.set(yticks=range(len(models)), yticklabels=models, xlabel="points of accuracy beyond one view")
    axes.invert_yaxis()
    axes.axvline(0, color="0.3", linewidth=1)
    plain_axes(axes, grid="x")
    axes.legend(fontsize=8)
    return figure
