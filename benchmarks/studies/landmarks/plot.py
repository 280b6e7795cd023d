"""The pictures of the study."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fer_zoo.png import new_figure

from .measure import Example
from .rows import Difference, LandmarkStudy, RunRow
from .variants import NONE, with_maps

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_differences(study: LandmarkStudy) -> Figure | None:
    """A panel for faces as they are and one for each corruption: points over `none`, the mean and each run."""
    rows = [row for row in study.variants if row.difference is not None]
    if not rows:
        return None
    corruptions = list(rows[0].corrupted)
    figure = new_figure(3 * (1 + len(corruptions)), 1.4 + 0.4 * len(rows))
    panels = figure.subplots(1, 1 + len(corruptions), sharey=True)
    base = {run.seed: run for run in study.runs if run.variant == NONE}
    for axes, name in zip(panels, [None, *corruptions], strict=True):

        def accuracy(run: RunRow, name: str | None = name) -> float:
            return run.private_test if name is None else run.corrupted[name]

        for y, row in enumerate(rows):
            difference: Difference = row.corrupted_difference[name] if name else row.difference  # type: ignore[assignment]
            low, high = (100 * end for end in difference.interval)
            axes.plot([low, high], [y, y], color="#0072b2", linewidth=2)
            axes.plot(100 * difference.mean, y, "o", color="#0072b2", label="mean, 95 % interval" if y == 0 else None)
            runs = [run for run in study.runs if run.variant == row.variant]
            x = [100 * (accuracy(run) - accuracy(base[run.seed])) for run in runs]
            axes.plot(x, [y + 0.25] * len(x), "|", color="0.4", label="each seed" if y == 0 else None)
        axes.axvline(0, color="0.5", linewidth=1)
        axes.set_title(name or "as they are")
        axes.set_xlabel("points of accuracy over none")
        axes.grid(axis="x", alpha=0.3)
    panels[0].set_yticks(range(len(rows)), [row.variant for row in rows])
    panels[0].invert_yaxis()
    figure.legend(*panels[0].get_legend_handles_labels(), frameon=False, loc="outside lower center", ncols=2)
    return figure


def plot_faces(examples: Sequence[Example]) -> Figure | None:
    """Faces in columns; in rows the image, then for each guided variant its maps and points over it."""
    variants = list(examples[0].found) if examples else []
    if not variants:
        return None
    figure = new_figure(1.7 * len(examples), 1.8 * (1 + len(variants)))
    panels = figure.subplots(1 + len(variants), len(examples), squeeze=False)
    for column, example in enumerate(examples):
        for axes, variant in zip(panels[:, column], ["", *variants], strict=True):
            axes.imshow(example.image, cmap="gray", vmin=0, vmax=255)
            axes.set(xticks=[], yticks=[])
            if variant:
                points = example.found[variant]
                maps = with_maps(example.image[None], points[None])[0, ..., 1:].max(-1)
                axes.imshow(maps, cmap="inferno", alpha=0.5, vmin=0, vmax=255)
                axes.plot(*(48 * points - 0.5).T, "o", color="cyan", markersize=3, clip_on=True)
            axes.plot(*(48 * example.detected - 0.5).T, "x", color="lime", markersize=4)
            axes.set(xlim=(-0.5, 47.5), ylim=(47.5, -0.5))
        panels[0, column].set_title(example.name, fontsize=9)
    for axes, variant in zip(panels[:, 0], ["detector", *variants], strict=True):
        axes.set_ylabel(variant)
    return figure
