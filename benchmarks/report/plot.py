"""The pictures of the report, drawn from the report alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fer_zoo.files import atomic_path

from .labels import place_labels
from .tables import at, number, of_fer2013, plural, settings_of, size

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Row = dict[str, Any]

_PRECISION = {"fp32": "#0072b2", "fp16": "#56b4e9", "int8": "#d55e00", "dynamic": "#e69f00"}  # Okabe-Ito
_MARKERS = {"keras": "s", "onnx": "o", "tflite": "^"}
_BAD = "#c00000"
_GRID = "#dddddd"


def draw_plots(report: Row, folder: Path) -> list[str]:
    """Write every plot there is data for, and remove those of an older report that have none.

    Returns:
        Their file names.
    """
    drawings: dict[str, Callable[[Row], Figure | None]] = {
        "accuracy_latency.png": _accuracy_latency,
        "parity.png": _parity,
        "latency.png": _latency,
        "sizes.png": _sizes,
    }
    written = []
    for name, draw in drawings.items():
        figure = draw(report)
        if figure is None:
            (folder / name).unlink(missing_ok=True)
            continue
        with atomic_path(folder / name) as path:
            figure.savefig(path, dpi=150)
        written.append(name)
    return written


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


def _accuracy_latency(report: Row) -> Figure | None:
    settings = settings_of(report)
    timed = [a for a in report["artifacts"] if settings and "evaluation" in a and at(a, *settings[0])]
    shown = [artifact for artifact in timed if of_fer2013(artifact)]
    if not shown:
        return None
    batch, threads = settings[0]
    x = [(at(artifact, batch, threads) or {})["p50_ms"] for artifact in shown]
    y = [100 * artifact["evaluation"]["accuracy"] for artifact in shown]
    figure = _figure(10, 5.5)
    axes = figure.subplots()
    _plain(axes)
    axes.set_xscale("log")
    axes.grid(axis="y", color=_GRID, linewidth=0.6)
    sound = [(x[i], y[i]) for i, artifact in enumerate(shown) if artifact["status"] not in ("failed", "error")]
    steps = [sound[i] for i in pareto_front(sound)]
    if steps:
        # What is on the front stays the best for any larger budget of time.
        steps.append((max(x) * 1.6, steps[-1][1]))
        axes.step(*zip(*steps, strict=True), where="post", color="#999999", linewidth=1.2, zorder=1)
    for artifact, left, height in zip(shown, x, y, strict=True):
        color, marker = _PRECISION[artifact["precision"]], _MARKERS[artifact["format"]]
        edge = _BAD if artifact["status"] in ("failed", "error") else "white"
        axes.plot(left, height, marker, color=color, markeredgecolor=edge, markersize=9, zorder=3)
    families = []
    for model in dict.fromkeys(artifact["model"] for artifact in shown):
        family = sorted((x[i], y[i]) for i, artifact in enumerate(shown) if artifact["model"] == model)
        families.append(family)
        axes.plot(*zip(*family, strict=True), color="#777777", linewidth=0.8, linestyle=":", zorder=2)
    axes.set_xlim(min(x) / 1.6, max(x) * 1.6)
    # Exports of one model differ by hundredths of a point; a scale that shows only those would look like a choice.
    middle, half = (min(y) + max(y)) / 2, max((max(y) - min(y)) * 0.65, 1.5)
    axes.set_ylim(middle - half, middle + half)
    _milliseconds(axes)
    axes.set_xlabel(f"p50 latency in ms, batch {batch}, {plural(threads, 'thread')} (logarithmic)")
    axes.set_ylabel("accuracy on the test images in %")
    axes.set_title("Accuracy against latency: up and to the left is better; the line is the Pareto front", fontsize=11)
    _legend(axes, shown)
    place_labels(axes, x, y, _point_labels(shown, x), [*families, *([steps] if steps else [])])
    return figure


def _point_labels(shown: list[Row], x: list[float]) -> list[str]:
    """One label for each model at its fastest point; for a single model one for each point."""
    fastest: dict[str, int] = {}
    for i in sorted(range(len(shown)), key=x.__getitem__):
        fastest.setdefault(shown[i]["model"], i)
    if len(fastest) == 1:
        return _names(shown)
    return [artifact["model"] if fastest[artifact["model"]] == i else "" for i, artifact in enumerate(shown)]


def _legend(axes: Axes, shown: list[Row]) -> None:
    """What colours and shapes mean, beside the picture, where it covers no point."""
    from matplotlib.lines import Line2D

    def mark(marker: str, color: str, edge: str, label: str) -> Line2D:
        return Line2D([], [], marker=marker, color=color, markeredgecolor=edge, linestyle="", markersize=8, label=label)

    here = {artifact[name] for artifact in shown for name in ("format", "precision")}
    marks = [mark("o", color, "white", name) for name, color in _PRECISION.items() if name in here]
    marks += [mark(marker, "#888888", "white", name) for name, marker in _MARKERS.items() if name in here]
    if any(artifact["status"] in ("failed", "error") for artifact in shown):
        marks.append(mark("o", "white", _BAD, "failed"))
    axes.legend(handles=marks, loc="upper left", bbox_to_anchor=(1, 1), frameon=False, fontsize=9)


def _parity(report: Row) -> Figure | None:
    shown = [artifact for artifact in report["artifacts"] if "parity" in artifact]
    if not shown:
        return None
    figure = _figure(12, 1.6 + _row_height(shown) * len(shown))
    accuracy, disagreement, difference = figure.subplots(1, 3, sharey=True)
    rows = range(len(shown))
    names = _names(shown)
    for row, artifact in zip(rows, shown, strict=True):
        parity, gate = artifact["parity"], artifact["gate"]
        color = _PRECISION[artifact["precision"]]
        low, high = (100 * value for value in parity["accuracy_delta_interval"])
        accuracy.plot([low, high], [row, row], color=color, linewidth=1.5)
        accuracy.plot(100 * parity["accuracy_delta"], row, "o", color=color)
        disagreement.barh(row, 100 * (1 - parity["argmax_agreement"]), color=color, height=0.6)
        text = f" {100 * (1 - parity['argmax_agreement']):.2f} %"
        disagreement.text(100 * (1 - parity["argmax_agreement"]), row, text, va="center", fontsize=9)
        # On a logarithmic axis an exact 0 sits at the left edge.
        mean, largest = (max(parity[name], 1e-9) for name in ("mean_abs_diff", "max_abs_diff"))
        difference.plot([mean, largest], [row, row], color=color, linewidth=1.5, zorder=2)
        difference.plot(mean, row, "o", color="white", markeredgecolor=color, zorder=3)
        difference.plot(largest, row, "o", color=color, zorder=3)
        limit = gate["max_abs_accuracy_delta"]
        for edge in (-limit, limit) if limit is not None else ():
            _gate_mark(accuracy, 100 * edge, row)
        if gate["min_argmax_agreement"] is not None:
            _gate_mark(disagreement, 100 * (1 - gate["min_argmax_agreement"]), row)
        if gate["max_abs_diff"] is not None:
            _gate_mark(difference, gate["max_abs_diff"], row)
    accuracy.axvline(0, color="#666666", linewidth=0.8, zorder=0)
    accuracy.set_xlabel("change of accuracy in points, 95 % paired interval")
    disagreement.set_xlabel("images with another expression in %")
    disagreement.set_xlim(0, max(0.1, 1.25 * disagreement.get_xlim()[1]))
    difference.set_xscale("log")
    difference.set_xlabel("mean (open) and largest (full) |Δp|")
    for axes in (accuracy, disagreement, difference):
        _plain(axes)
        axes.grid(axis="x", color=_GRID, linewidth=0.6)
    _name_rows(accuracy, shown, names)
    figure.get_layout_engine().set(w_pad=0.12)  # type: ignore[union-attr,call-arg]
    figure.suptitle("Difference from the Keras original; red strokes are the gates", fontsize=11)
    return figure


def _latency(report: Row) -> Figure | None:
    settings = settings_of(report)
    shown = [artifact for artifact in report["artifacts"] if artifact["latency"]]
    if not shown:
        return None
    batches, threads = (sorted({setting[i] for setting in settings}) for i in (0, 1))
    figure = _figure(2.2 + 5 * len(threads), 0.9 + len(batches) * (0.9 + _row_height(shown) * len(shown)))
    grid = figure.subplots(len(batches), len(threads), sharex="row", sharey=True, squeeze=False)
    names = _names(shown)
    for panels, batch in zip(grid, batches, strict=True):
        for axes, count in zip(panels, threads, strict=True):
            for row, artifact in enumerate(shown):
                times = at(artifact, batch, count)
                if times:
                    _percentiles(axes, row, times, _PRECISION[artifact["precision"]])
            axes.set_xscale("log")
            _plain(axes)
            _milliseconds(axes)
            axes.grid(axis="x", color=_GRID, linewidth=0.6)
            axes.set_title(f"batch {batch}, {plural(count, 'thread')}", fontsize=10)
        left, right = panels[0].get_xlim()
        panels[0].set_xlim(left / (right / left) ** 0.12, right)
        _name_rows(panels[0], shown, names)
    for axes in grid[-1]:
        axes.set_xlabel("ms per query (logarithmic)")
    figure.suptitle("Latency: p50 (dot, number), p90 (stroke), p99 (ring)", fontsize=11)
    return figure


def _percentiles(axes: Axes, row: int, times: Row, color: str) -> None:
    p50, p90, p99 = (times[name] for name in ("p50_ms", "p90_ms", "p99_ms"))
    axes.plot([p50, p99], [row, row], color=color, linewidth=1.5, zorder=2)
    axes.plot(p90, row, "|", color=color, markersize=11, markeredgewidth=1.8, zorder=2)
    axes.plot(p99, row, "o", color="white", markeredgecolor=color, zorder=3)
    axes.plot(p50, row, "o", color=color, zorder=3)
    axes.annotate(number(p50), (p50, row), (-7, 0), textcoords="offset points", ha="right", va="center", fontsize=9)


def _sizes(report: Row) -> Figure | None:
    shown = report["artifacts"]
    if not shown:
        return None
    figure = _figure(9, 1.2 + _row_height(shown) * len(shown))
    axes = figure.subplots()
    full = {(a["model"], a["format"]): a["bytes"] for a in shown if a["precision"] == "fp32"}
    for row, artifact in enumerate(shown):
        axes.barh(row, artifact["bytes"] / 1e3, color=_PRECISION[artifact["precision"]], height=0.65)
        reference = full.get((artifact["model"], artifact["format"]))
        text = size(artifact["bytes"])
        if reference and artifact["precision"] != "fp32":
            text += f" ({100 * artifact['bytes'] / reference:.0f} % of fp32)"
        axes.annotate(text, (artifact["bytes"] / 1e3, row), (4, 0), textcoords="offset points", va="center", fontsize=9)
    _plain(axes)
    axes.set_xlim(0, 1.3 * axes.get_xlim()[1])
    axes.set_xlabel("file size in kB (1 kB = 1,000 bytes)")
    axes.set_title("File sizes", fontsize=11)
    _name_rows(axes, shown, _names(shown))
    return figure


def _figure(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _row_height(shown: list[Row]) -> float:
    """Inches; a long list is set tighter."""
    return 0.42 if len(shown) <= 12 else 0.28


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_axisbelow(True)


def _milliseconds(axes: Axes) -> None:
    """Tick labels such as 0.2, 0.5, 1, 2 instead of powers of ten."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _gate_mark(axes: Axes, x: float, row: int) -> None:
    axes.plot([x, x], [row - 0.4, row + 0.4], color=_BAD, linewidth=1.5, zorder=4)


def _name_rows(axes: Axes, shown: list[Row], names: list[str]) -> None:
    """First row on top; the names of failed artifacts in red."""
    axes.set_yticks(range(len(shown)), names, fontsize=9)
    for label, artifact in zip(axes.get_yticklabels(), shown, strict=True):
        label.set_color(_BAD if artifact["status"] in ("failed", "error") else "black")
    axes.set_ylim(len(shown) - 0.4, -0.6)


def _names(shown: list[Row]) -> list[str]:
    """Without the model where there is only one."""
    single = len({artifact["model"] for artifact in shown}) == 1
    return [f"{a['format']} {a['precision']}" if single else a["name"] for a in shown]
