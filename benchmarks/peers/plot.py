"""The picture of the peers report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fer_zoo.png import new_figure, plain_axes

from ..cells import setting
from ..drawing import place_labels
from .rows import PeersReport

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLORS = {"ours": "#0072b2", "peer": "#d55e00"}


def plot_peers(report: PeersReport) -> Figure:
    """Accuracy against the p50 of every file."""
    from matplotlib.lines import Line2D
    from matplotlib.ticker import LogLocator

    figure = new_figure(10, 6)
    axes = figure.subplots()
    x = [row.p50_ms for row in report.rows]
    y = [100 * row.evaluation.accuracy for row in report.rows]
    for row, left, height in zip(report.rows, x, y, strict=True):
        marker = "^" if row.runtime == "litert" else "o"
        axes.plot(left, height, marker, color=_COLORS[row.family], markeredgecolor="white", markersize=10, zorder=3)
    # One label for each model, at its fastest file; a dotted line joins its other files.
    texts = [""] * len(x)
    for model in dict.fromkeys(row.model for row in report.rows):
        mine = sorted((i for i, row in enumerate(report.rows) if row.model == model), key=x.__getitem__)
        texts[mine[0]] = model
        axes.plot([x[i] for i in mine], [y[i] for i in mine], ":", color="#777777", linewidth=0.8, zorder=2)
    axes.set_xscale("log")
    axes.set_xlim(min(x) / 2.2, max(x) * 2.5)
    axes.set_ylim(min(y) - 3, max(y) + 3)
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.minorticks_off()
    plain_axes(axes, grid="both")
    first = report.rows[0].latency[0]
    axes.set_xlabel(f"p50 in ms, {setting(first.batch, first.threads)} (logarithmic)")
    axes.set_ylabel(f"accuracy on {report.data.n:,} test images in %")
    axes.set_title("Ours and the published peers: up and to the left is better", fontsize=11)
    marks = [("o", _COLORS["ours"], "ours"), ("o", _COLORS["peer"], "peer")]
    marks += [("o", "#888888", "ONNX Runtime"), ("^", "#888888", "LiteRT")]
    handles = [Line2D([], [], marker=m, color=c, linestyle="", markersize=8, label=label) for m, c, label in marks]
    axes.legend(handles=handles, loc="upper left", bbox_to_anchor=(1, 1), frameon=False, fontsize=9)
    place_labels(axes, x, y, texts, [])
    return figure
