"""The pictures of the report, drawn from the report alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fer_zoo.png import new_figure, plain_axes

from ..cells import number, setting, size
from ..drawing import place_labels, save_figure
from ..latency.rows import Times
from .rows import ArtifactRow, Report

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe-Ito
_PRECISION = {"fp32": "#0072b2", "fp16": "#56b4e9", "int8": "#d55e00", "dynamic": "#e69f00", "int8-full": "#cc79a7"}
_MARKERS = {"keras": "s", "onnx": "o", "tflite": "^"}
_BAD = "#c00000"


def draw_plots(report: Report, folder: Path) -> list[str]:
    """Write every plot there is data for, and remove those of an older report that have none.

    Returns:
        Their file names.
    """
    drawings: dict[str, Callable[[Report], Figure | None]] = {
        "accuracy_latency.png": _accuracy_latency,
        "parity.png": _parity,
        "latency.png": _latency,
        "sizes.png": _sizes,
    }
    return [name for name, draw in drawings.items() if save_figure(folder / name, draw(report), dpi=150)]


def pareto_front(points: list[tuple[float, float]]) -> list[int]:
    """Indices of the points no other beats: none is both lower in the first and at least as high in the second value.

    Args:
        points: (cost, gain) of each.

    Returns:
        The indices by rising cost.
    """
    front: list[int] = []
    for i in sorted(range(len(points)), key=lambda i: (points[i][0], -points[i][1])):
        if not front or points[i][1] > points[front[-1]][1]:
            front.append(i)
    return front


def _accuracy_latency(report: Report) -> Figure | None:
    first = report.settings[0] if report.settings else (1, 1)
    measured = [
        (artifact, row.p50_ms, 100 * artifact.evaluation.accuracy)
        for artifact in report.artifacts
        if artifact.evaluation and (row := artifact.at(first)) and artifact.file.is_fer2013
    ]
    if not measured:
        return None
    drawn, x, y = (list(values) for values in zip(*measured, strict=True))
    figure = new_figure(10, 5.5)
    axes = figure.subplots()
    axes.set_xscale("log")
    plain_axes(axes, grid="y")
    sound = [(x[i], y[i]) for i, artifact in enumerate(drawn) if not artifact.bad]
    steps = [sound[i] for i in pareto_front(sound)]
    if steps:
        # What is on the front stays the best for any larger budget of time.
        steps.append((max(x) * 1.6, steps[-1][1]))
        axes.step(*zip(*steps, strict=True), where="post", color="#999999", linewidth=1.2, zorder=1)
    for artifact, left, height in zip(drawn, x, y, strict=True):
        color, marker = _PRECISION[artifact.file.precision], _MARKERS[artifact.file.format]
        edge = _BAD if artifact.bad else "white"
        axes.plot(left, height, marker, color=color, markeredgecolor=edge, markersize=9, zorder=3)
    families = []
    for model in dict.fromkeys(artifact.file.model for artifact in drawn):
        family = sorted((x[i], y[i]) for i, artifact in enumerate(drawn) if artifact.file.model == model)
        families.append(family)
        axes.plot(*zip(*family, strict=True), color="#777777", linewidth=0.8, linestyle=":", zorder=2)
    axes.set_xlim(min(x) / 1.6, max(x) * 1.6)
    # Exports of one model differ by hundredths of a point; a scale that shows only those would look like a choice.
    middle, half = (min(y) + max(y)) / 2, max((max(y) - min(y)) * 0.65, 1.5)
    axes.set_ylim(middle - half, middle + half)
    _milliseconds(axes)
    axes.set_xlabel(f"p50 latency in ms, {setting(*first)} (logarithmic)")
    axes.set_ylabel("accuracy on the test images in %")
    axes.set_title("Accuracy against latency: up and to the left is better; the line is the Pareto front", fontsize=11)
    _legend(axes, drawn)
    place_labels(axes, x, y, _point_labels(drawn, x), [*families, *([steps] if steps else [])])
    return figure


def _point_labels(drawn: Sequence[ArtifactRow], x: list[float]) -> list[str]:
    """One label for each model at its fastest point; for a single model one for each point."""
    fastest: dict[str, int] = {}
    for i in sorted(range(len(drawn)), key=x.__getitem__):
        fastest.setdefault(drawn[i].file.model, i)
    if len(fastest) == 1:
        return _names(drawn)
    return [artifact.file.model if fastest[artifact.file.model] == i else "" for i, artifact in enumerate(drawn)]


def _legend(axes: Axes, drawn: Sequence[ArtifactRow]) -> None:
    """The legend of colours and shapes, beside the plot, where it covers no point."""
    from matplotlib.lines import Line2D

    def mark(marker: str, color: str, edge: str, label: str) -> Line2D:
        return Line2D([], [], marker=marker, color=color, markeredgecolor=edge, linestyle="", markersize=8, label=label)

    present = {name for artifact in drawn for name in (artifact.file.format, artifact.file.precision)}
    marks = [mark("o", color, "white", name) for name, color in _PRECISION.items() if name in present]
    marks += [mark(marker, "#888888", "white", name) for name, marker in _MARKERS.items() if name in present]
    if any(artifact.bad for artifact in drawn):
        marks.append(mark("o", "white", _BAD, "failed"))
    axes.legend(handles=marks, loc="upper left", bbox_to_anchor=(1, 1), frameon=False, fontsize=9)


def _parity(report: Report) -> Figure | None:
    drawn = [artifact for artifact in report.artifacts if artifact.parity]
    if not drawn:
        return None
    figure = new_figure(12, 1.6 + _row_height(drawn) * len(drawn))
    accuracy, disagreement, difference = figure.subplots(1, 3, sharey=True)
    rows = range(len(drawn))
    names = _names(drawn)
    for row, artifact in zip(rows, drawn, strict=True):
        parity, gate = artifact.parity, artifact.parity_row.gate if artifact.parity_row else None
        assert parity
        assert gate
        color = _PRECISION[artifact.file.precision]
        low, high = (100 * value for value in parity.accuracy_delta_interval)
        accuracy.plot([low, high], [row, row], color=color, linewidth=1.5)
        accuracy.plot(100 * parity.accuracy_delta, row, "o", color=color)
        disagreement.barh(row, 100 * (1 - parity.argmax_agreement), color=color, height=0.6)
        text = f" {100 * (1 - parity.argmax_agreement):.2f} %"
        disagreement.text(100 * (1 - parity.argmax_agreement), row, text, va="center", fontsize=9)
        # On a logarithmic axis an exact 0 sits at the left edge.
        mean, largest = (max(value, 1e-9) for value in (parity.mean_abs_diff, parity.max_abs_diff))
        difference.plot([mean, largest], [row, row], color=color, linewidth=1.5, zorder=2)
        difference.plot(mean, row, "o", color="white", markeredgecolor=color, zorder=3)
        difference.plot(largest, row, "o", color=color, zorder=3)
        limit = gate.max_abs_accuracy_delta
        for edge in (-limit, limit) if limit is not None else ():
            _gate_mark(accuracy, 100 * edge, row)
        if gate.min_argmax_agreement is not None:
            _gate_mark(disagreement, 100 * (1 - gate.min_argmax_agreement), row)
        if gate.max_abs_diff is not None:
            _gate_mark(difference, gate.max_abs_diff, row)
    accuracy.axvline(0, color="#666666", linewidth=0.8, zorder=0)
    accuracy.set_xlabel("change of accuracy in points,\n95 % paired interval")
    disagreement.set_xlabel("images with another\nexpression in %")
    disagreement.set_xlim(0, max(0.1, 1.25 * disagreement.get_xlim()[1]))
    difference.set_xscale("log")
    difference.set_xlabel("mean (open) and\nlargest (full) |Δp|")
    for axes in (accuracy, disagreement, difference):
        plain_axes(axes, grid="x")
    _name_rows(accuracy, drawn, names)
    figure.get_layout_engine().set(w_pad=0.12)  # type: ignore[union-attr,call-arg]
    figure.suptitle("Difference from the Keras original; red strokes are the gates", fontsize=11)
    return figure


def _latency(report: Report) -> Figure | None:
    drawn = [artifact for artifact in report.artifacts if artifact.latency]
    if not drawn:
        return None
    batches, threads = (sorted({each[i] for each in report.settings}) for i in (0, 1))
    figure = new_figure(2.2 + 5 * len(threads), 0.9 + len(batches) * (0.9 + _row_height(drawn) * len(drawn)))
    grid = figure.subplots(len(batches), len(threads), sharex="row", sharey=True, squeeze=False)
    names = _names(drawn)
    for panels, batch in zip(grid, batches, strict=True):
        for axes, count in zip(panels, threads, strict=True):
            for row, artifact in enumerate(drawn):
                times = artifact.at((batch, count))
                if times:
                    _percentiles(axes, row, times, _PRECISION[artifact.file.precision])
            axes.set_xscale("log")
            _milliseconds(axes)
            plain_axes(axes, grid="x")
            axes.set_title(setting(batch, count), fontsize=10)
        left, right = panels[0].get_xlim()
        panels[0].set_xlim(left / (right / left) ** 0.12, right)
        _name_rows(panels[0], drawn, names)
    for axes in grid[-1]:
        axes.set_xlabel("ms per query (logarithmic)")
    figure.suptitle("Latency: p50 (dot, number), p90 (stroke), p99 (ring)", fontsize=11)
    return figure


def _percentiles(axes: Axes, row: int, times: Times, color: str) -> None:
    p50, p90, p99 = times.p50_ms, times.p90_ms, times.p99_ms
    axes.plot([p50, p99], [row, row], color=color, linewidth=1.5, zorder=2)
    axes.plot(p90, row, "|", color=color, markersize=11, markeredgewidth=1.8, zorder=2)
    axes.plot(p99, row, "o", color="white", markeredgecolor=color, zorder=3)
    axes.plot(p50, row, "o", color=color, zorder=3)
    axes.annotate(number(p50), (p50, row), (-7, 0), textcoords="offset points", ha="right", va="center", fontsize=9)


def _sizes(report: Report) -> Figure | None:
    drawn = report.artifacts
    if not drawn:
        return None
    figure = new_figure(9, 1.2 + _row_height(drawn) * len(drawn))
    axes = figure.subplots()
    full = {(a.file.model, a.file.format): a.file.bytes for a in drawn if a.file.precision == "fp32"}
    for row, artifact in enumerate(drawn):
        axes.barh(row, artifact.file.bytes / 1e3, color=_PRECISION[artifact.file.precision], height=0.65)
        reference = full.get((artifact.file.model, artifact.file.format))
        text = size(artifact.file.bytes)
        if reference and artifact.file.precision != "fp32":
            text += f" ({100 * artifact.file.bytes / reference:.0f} % of fp32)"
        axes.annotate(
            text, (artifact.file.bytes / 1e3, row), (4, 0), textcoords="offset points", va="center", fontsize=9
        )
    plain_axes(axes)
    axes.set_xlim(0, 1.3 * axes.get_xlim()[1])
    axes.set_xlabel("file size in kB (1 kB = 1,000 bytes)")
    axes.set_title("File sizes", fontsize=11)
    _name_rows(axes, drawn, _names(drawn))
    return figure


def _row_height(drawn: Sequence[ArtifactRow]) -> float:
    """Inches; a long list is set tighter."""
    return 0.42 if len(drawn) <= 12 else 0.28


def _milliseconds(axes: Axes) -> None:
    """Tick labels such as 0.2, 0.5, 1, 2 instead of powers of ten."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _gate_mark(axes: Axes, x: float, row: int) -> None:
    axes.plot([x, x], [row - 0.4, row + 0.4], color=_BAD, linewidth=1.5, zorder=4)


def _name_rows(axes: Axes, drawn: Sequence[ArtifactRow], names: list[str]) -> None:
    """First row on top; the names of failed artifacts in red."""
    axes.set_yticks(range(len(drawn)), names, fontsize=9)
    for label, artifact in zip(axes.get_yticklabels(), drawn, strict=True):
        label.set_color(_BAD if artifact.bad else "black")
    axes.set_ylim(len(drawn) - 0.4, -0.6)


def _names(drawn: Sequence[ArtifactRow]) -> list[str]:
    """Without the model where there is only one."""
    single = len({artifact.file.model for artifact in drawn}) == 1
    return [f"{a.file.format} {a.file.precision}" if single else a.file.name for a in drawn]
