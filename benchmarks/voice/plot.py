"""The picture of the voice model."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import numpy as np

from fer_zoo.png import new_figure, plain_axes

from .rows import MODEL, QUIET, VoiceReport

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLORS = {"face": "#0072b2", "voice": "#d55e00", "fused": "#009e73", "fused, weight 1": "#cccccc"}


def plot_voice(report: VoiceReport) -> Figure:
    """Average recall of each voice model with its interval; accuracy of each source in each condition of the pairs."""
    panels = 1 + bool(report.pairs)
    figure = new_figure(11, 1 + 0.45 * len(report.voices) + 4 * bool(report.pairs))
    ratios = [0.5 + 0.45 * len(report.voices), 4.0][:panels]
    grid = figure.subplots(panels, squeeze=False, height_ratios=ratios)[:, 0]
    _voices(grid[0], report)
    if report.pairs:
        _pairs(grid[1], report)
        plain_axes(grid[1], grid="y")
    plain_axes(grid[0], grid="x")
    return figure


def _voices(axes: Axes, report: VoiceReport) -> None:
    names = [row.model if row.seed is None else f"{row.model}, seed {row.seed}" for row in report.voices]
    places = np.arange(len(names))[::-1]
    values = np.array([row.recall_mean for row in report.voices])
    bounds = np.array([row.recall_mean_interval for row in report.voices])
    errors = np.abs(bounds - values[:, None]).T
    colors = [{MODEL: "#d55e00", QUIET: "#eebb99"}.get(row.model, "#999999") for row in report.voices]
    axes.barh(places, 100 * values, xerr=100 * errors, color=colors, height=0.7, ecolor="#333333", capsize=3)
    axes.set_yticks(places, names)
    axes.set_xlim(0, 100)
    axes.set_xlabel("unweighted average recall in %, speakers not heard before; 95 % interval over speakers")


def _pairs(axes: Axes, report: VoiceReport) -> None:
    conditions = list(dict.fromkeys(row.condition for row in report.pairs))
    width = 0.8 / len(_COLORS)
    for number, (source, color) in enumerate(_COLORS.items()):
        rows = [row for row in report.pairs if row.source == source]
        places = np.arange(len(conditions)) + (number - (len(_COLORS) - 1) / 2) * width
        spread = [100 * row.accuracy_spread for row in rows]
        axes.bar(places, [100 * row.accuracy for row in rows], width, yerr=spread, color=color, label=source)
    axes.set_xticks(
        np.arange(len(conditions)),
        [textwrap.fill(condition, 12) for condition in conditions],
    )
    axes.set_ylabel("accuracy in %, simulated pairs")
    axes.set_ylim(0, 100)
    axes.legend(frameon=False, ncols=len(_COLORS), loc="upper right")
