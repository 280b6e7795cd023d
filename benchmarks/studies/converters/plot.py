"""The picture of the converters to ONNX."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fer_zoo.png import new_figure

from .rows import Converters

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_converters(record: Converters) -> Figure | None:
    """CPU time of each model's file relative to that of tf2onnx, as converted and finished; `None` without rows."""
    base = {row.model: row.cpu_ms for row in record.rows if row.converter == "tf2onnx"}
    models = list(base)
    if not models:
        return None
    names = list(dict.fromkeys(row.converter for row in record.rows))
    figure = new_figure(9, 0.9 + 0.6 * len(models))
    axes = figure.subplots()
    for index, name in enumerate(names):
        rows = [row for row in record.rows if row.converter == name and row.model in base]
        places = [models.index(row.model) + 0.22 * (index - (len(names) - 1) / 2) for row in rows]
        (points,) = axes.plot([row.cpu_ms / base[row.model] for row in rows], places, "o", label=f"{name}, finished")
        raw = [row.cpu_ms_converted / base[row.model] for row in rows]
        axes.plot(raw, places, "o", fillstyle="none", color=points.get_color(), label=f"{name}, as converted")
    axes.axvline(1, color="#666666", linewidth=0.8)
    axes.set_yticks(range(len(models)), models)
    axes.invert_yaxis()
    axes.set_xlabel("CPU time of one image in ONNX Runtime, relative to tf2onnx")
    axes.grid(axis="x", alpha=0.3)
    figure.legend(loc="outside lower center", ncols=len(names), fontsize=8)
    return figure
