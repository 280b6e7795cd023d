"""The picture of the runtimes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fer_zoo.png import new_figure

from .rows import RuntimeResult, RuntimesReport, kind_order

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Colour and meaning of each status, in the order of the legend.
_STATUSES = {
    "right": ("#b7dfc1", "right: the share of equal predictions, at least 98 % or all but one"),
    "wrong": ("#c0392b", "wrong: fewer are equal"),
    "compiled": ("#bcd6f0", "compiled: the share of operators on the NPU"),
    "refused": ("#d5d5d5", "refused"),
    "not installed": ("#ffffff", "not installed"),
}
_FORMATS = {"onnx": "ONNX", "tflite": "TFLite", "keras": "Keras"}
_ROW, _COLUMN = 0.24, 0.56
_LABELS = 1.35


def plot_runtimes(report: RuntimesReport) -> Figure | None:
    """A map for each format: a line for each runtime, a column for each file; `None` without rows."""
    from matplotlib.patches import Patch

    tables = {format: [row for row in report.rows if row.file.format == format] for format in _FORMATS}
    tables = {format: rows for format, rows in tables.items() if rows}
    if not tables:
        return None
    shapes = [(len({row.runtime for row in rows}), len({row.file.path for row in rows})) for rows in tables.values()]
    heights = [_LABELS + _ROW * lines for lines, _ in shapes]
    width = max(columns for _, columns in shapes)
    figure = new_figure(max(7.0, 3.2 + _COLUMN * width), sum(heights) + 0.8)
    panels = figure.subplots(len(tables), 1, height_ratios=heights, squeeze=False)[:, 0]
    for axes, (format, rows) in zip(panels, tables.items(), strict=True):
        _draw(axes, _FORMATS[format], rows, width)
    shown = {row.status for row in report.rows}
    patches = [
        Patch(facecolor=color, edgecolor="#999999", label=meaning)
        for status, (color, meaning) in _STATUSES.items()
        if status in shown
    ]
    figure.legend(handles=patches, loc="outside lower center", ncols=2, fontsize=8, frameon=False)
    return figure


def _draw(axes: Axes, title: str, rows: Sequence[RuntimeResult], width: int) -> None:
    from matplotlib.patches import Rectangle

    runtimes = list(dict.fromkeys(row.runtime for row in rows))
    kinds = sorted(rows, key=lambda row: kind_order(row.file))
    files = list(dict.fromkeys(f"{row.file.model} {row.file.precision}" for row in kinds))
    for row in rows:
        x, y = files.index(f"{row.file.model} {row.file.precision}"), runtimes.index(row.runtime)
        color = _STATUSES[row.status][0]
        axes.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=color, edgecolor="white", linewidth=1.5))
        ink = "white" if row.status == "wrong" else "black"
        axes.text(x, y, _text(row), ha="center", va="center", fontsize=7, color=ink)
    # Columns of all maps are equally wide.
    axes.set(xlim=(-0.5, width - 0.5), ylim=(len(runtimes) - 0.5, -0.5))
    axes.set_xticks(range(len(files)), files, rotation=35, ha="left", rotation_mode="anchor", fontsize=7.5)
    axes.set_yticks(range(len(runtimes)), runtimes, fontsize=8)
    axes.tick_params(length=0, top=False, labeltop=True, bottom=False, labelbottom=False)
    axes.spines[:].set_visible(False)
    axes.set_title(title, fontsize=11, fontweight="bold", loc="left")


def _text(row: RuntimeResult) -> str:
    """The share in per cent that a cell shows."""
    share = row.accelerated if row.status == "compiled" else row.lowest_agreement
    if share is None:
        return ""
    return "100" if share == 1 else f"{min(100 * share, 99.9):.1f}"
