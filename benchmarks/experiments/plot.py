"""The pictures of training runs side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from fer_zoo.png import new_figure, plain_axes

from .page import f1_by_run, original_name
from .rows import ExperimentRow
from .training_run import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_runs(runs: Sequence[Run]) -> Figure:
    """F1 by expression and accuracy by epoch."""
    from matplotlib import colormaps

    figure = new_figure(13, 5 + 0.12 * len(runs))
    curves, bars = figure.subplots(1, 2)
    palette = colormaps["tab10" if len(runs) <= 10 else "tab20"]
    colors: dict[str, Any] = {each.name: palette(index % palette.N) for index, each in enumerate(runs)}
    colors[original_name(runs)] = "0.7"
    tables = f1_by_run(runs)
    width = 0.8 / len(tables)
    for index, (name, values) in enumerate(tables.items()):
        x = [group + (index - (len(tables) - 1) / 2) * width for group in range(len(values))]
        bars.bar(x, values.values(), width, label=name, color=colors[name])
    bars.set_xticks(range(len(runs[0].expressions)), runs[0].expressions)
    bars.set(title=f"F1 by expression, all {runs[0].splits['test']['n']:,} test images", ylim=(0, 1))
    for each in runs:
        epochs = [entry["epoch"] for entry in each.history]
        color = colors[each.name]
        curves.plot(epochs, [entry["selection_accuracy"] for entry in each.history], color=color)
        curves.plot(epochs, [entry["accuracy"] for entry in each.history], color=color, linestyle=":", alpha=0.6)
        curves.plot(each.best["epoch"], each.best["selection_accuracy"], color=color, marker="o")
    heads = {sum(entry.get("phase") == "head" for entry in each.history) for each in runs} - {0}
    for line, head in enumerate(sorted(heads)):
        curves.axvline(head + 0.5, color="0.5", linewidth=1)
        corner = (head + 0.6, 0.02 + 0.04 * line)
        curves.annotate("fine-tuning", corner, xycoords=("data", "axes fraction"), color="0.4", fontsize=8)
    curves.set(title="Accuracy by epoch: PublicTest, and training batches dotted", xlabel="epoch")
    curves.xaxis.get_major_locator().set_params(integer=True)
    curves.yaxis.set_major_formatter("{x:.0%}")
    for axes in (curves, bars):
        plain_axes(axes, grid="both")
    figure.legend(*bars.get_legend_handles_labels(), frameon=False, fontsize=8, loc="outside lower center", ncols=6)
    return figure


def plot_points(rows: Sequence[ExperimentRow]) -> Figure:
    """Points of accuracy against the first run, on either half of the test images."""
    figure = new_figure(8, 1.5 + 0.3 * len(rows))
    axes = figure.subplots()
    y = range(len(rows))
    for split, label, marker in (("public_test", "PublicTest", "o"), ("private_test", "PrivateTest", "D")):
        axes.plot([100 * (getattr(row, split) - getattr(rows[0], split)) for row in rows], y, marker, label=label)
    axes.set_yticks(y, [row.run for row in rows])
    axes.invert_yaxis()
    axes.axvline(0, color="0.5", linewidth=1)
    plain_axes(axes, grid="both")
    axes.set(xlabel="points of accuracy", title=f"What each run changed, against {rows[0].run}")
    axes.legend(frameon=False)
    return figure
