"""The picture of the populations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fer_zoo.png import new_figure, plain_axes

from .rows import PRIORS, Populations

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_populations(record: Populations) -> Figure:
    """One panel for each population, a line for each model: accuracy by prior."""
    populations = list(dict.fromkeys(row.population for row in record.rows))
    figure = new_figure(3 * len(populations), 4)
    axes = figure.subplots(1, len(populations), sharey=True, squeeze=False)[0]
    for axis, population in zip(axes, populations, strict=True):
        for model in dict.fromkeys(row.model for row in record.rows):
            values = [r.accuracy for r in record.rows if (r.model, r.population) == (model, population)]
            axis.plot(PRIORS, values, marker="o", label=model)
        axis.set_title(population)
        axis.tick_params(axis="x", rotation=30)
        plain_axes(axis, grid="y")
    axes[0].set_ylabel("accuracy")
    axes[0].yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure
