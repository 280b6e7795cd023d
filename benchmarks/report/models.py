"""`models.md` and `models.png`: the models of the zoo side by side, a row each, from the report alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from fer_zoo.files import atomic_path, write_text
from fer_zoo.models import describe_model, list_models

from .labels import place_labels
from .tables import at, markdown_table, milliseconds, number, of_fer2013, percent, plural, points, settings_of, size

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Row = dict[str, Any]

FERPLUS_MARK = " ⁴"
FERPLUS_NOTE = (
    "⁴ FER+'s eight expressions, on the test images whose annotators agree (3,153 of PrivateTest): not to be compared "
    "with accuracy on FER2013's own labels."
)
_OTHER = "Not of the registry: an ensemble, or a model of your own; its card says what it is made of."
_FLOAT, _INT8 = "#0072b2", "#d55e00"


def model_rows(report: Row) -> list[Row]:
    """One row for each model that has an ONNX file in float32, best first; those of FER+'s eight expressions last.

    Args:
        report: Content of `report.json`.

    Returns:
        Rows of `model`, `classes`, `params`, `macs`, `accuracy`, `private_test`, `macro_f1`, `ece` (of the file in
        float32), and of each precision, `fp32` and `int8`: `bytes`, `p50_ms` (batch 1, one thread), `points` (change of
        accuracy), `agreement`; `None` where not measured.
    """
    settings = settings_of(report)
    files = {(a["model"], a["precision"]): a for a in report["artifacts"] if a["format"] == "onnx"}
    rows = []
    for (model, precision), artifact in files.items():
        if precision != "fp32":
            continue
        evaluation = artifact.get("evaluation", {})
        row = {name: artifact[name] for name in ("model", "params", "macs")} | {"classes": artifact.get("classes", 7)}
        row |= {name: evaluation.get(name) for name in ("accuracy", "private_test", "macro_f1", "ece")}
        for kind in ("fp32", "int8"):
            file = files.get((model, kind), {"latency": []})
            timed = at(file, *settings[0]) if settings else None
            parity = file.get("parity", {})
            row[kind] = {
                "bytes": file.get("bytes"),
                "p50_ms": (timed or {}).get("p50_ms"),
                "points": parity.get("accuracy_delta"),
                "agreement": parity.get("argmax_agreement"),
            }
        rows.append(row)
    return sorted(rows, key=lambda row: (of_fer2013(row), row["accuracy"] or 0), reverse=True)


def write_models(folder: Path, report: Row) -> None:
    """Write the page and its plot into `folder`, or remove an older one's where no model was measured whole."""
    rows = [row for row in model_rows(report) if row["accuracy"] and _times(row)]
    if not rows:
        for name in ("models.md", "models.png"):
            (folder / name).unlink(missing_ok=True)
        return
    with atomic_path(folder / "models.png") as path:
        _plot([row for row in rows if of_fer2013(row)] or rows, report).savefig(path, dpi=150)
    write_text(folder / "models.md", _markdown(rows, report))


def _markdown(rows: list[Row], report: Row) -> str:
    about = {name + ending: describe_model(name) for name in list_models() for ending in ("", "_ferplus")}
    accuracy = [
        [
            _name(row),
            f"{row['params']:,}",
            number(row["macs"] / 1e6),
            percent(row["accuracy"]),
            percent(row["private_test"]),
            percent(row["macro_f1"]),
            percent(row["ece"]),
            size(row["fp32"]["bytes"]),
            milliseconds(row["fp32"]["p50_ms"]),
        ]
        for row in rows
    ]
    int8 = [
        [
            _name(row),
            points(row["int8"]["points"]),
            percent(row["int8"]["agreement"]),
            size(row["int8"]["bytes"]),
            milliseconds(row["int8"]["p50_ms"]),
            f"{row['fp32']['p50_ms'] / row['int8']['p50_ms']:.2f}x" if len(_times(row)) == 2 else "-",
        ]
        for row in rows
    ]
    batch, threads = settings_of(report)[0]
    setting = f"batch {batch}, {plural(threads, 'thread')}"
    sections = [
        "# The models of the zoo",
        f"ONNX files in ONNX Runtime; p50 at {setting}. Every other format and setting is in the benchmark report."
        + (f" {FERPLUS_NOTE}" if not all(of_fer2013(row) for row in rows) else ""),
        "## Float32",
        markdown_table(
            ["model", "parameters", "MMAC", "accuracy", "PrivateTest", "macro-F1", "ECE", "size", "p50"], accuracy
        ),
        "![Accuracy against parameters, multiply-accumulates and latency](models.png)",
        "## Int8",
        markdown_table(["model", "Δ points", "agreement", "size", "p50", "speedup"], int8),
        "## What they are",
        "\n".join(f"- **{row['model']}**: {about.get(row['model'], _OTHER)}" for row in rows),
    ]
    return "\n\n".join(sections) + "\n"


def _times(row: Row) -> list[float]:
    """The p50 of the files in float32 and int8 that were timed."""
    return [row[kind]["p50_ms"] for kind in ("fp32", "int8") if row[kind]["p50_ms"]]


def _name(row: Row) -> str:
    return row["model"] + ("" if of_fer2013(row) else FERPLUS_MARK)


def _plot(rows: list[Row], report: Row) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(14, 4.6), layout="constrained")
    panels = figure.subplots(1, 3, sharey=True)
    batch, threads = settings_of(report)[0]
    measures = (
        ("parameters", [row["params"] for row in rows]),
        ("million multiply-accumulates", [row["macs"] / 1e6 for row in rows]),
        (f"p50 in ms, batch {batch}, {plural(threads, 'thread')}", [_times(row)[0] for row in rows]),
    )
    y = [100 * row["accuracy"] for row in rows]
    for axes, (label, x) in zip(panels, measures, strict=True):
        axes.set_xscale("log")
        axes.set_xlim(min(x) / 2, max(x) * 2)
        axes.set_ylim(min(y) - 1.5, max(y) + 1.5)
        # A model that is too large to ship may be there, and timed, in int8 alone: `None` draws nothing.
        dots = [row["fp32"]["p50_ms"] for row in rows] if axes is panels[2] else x
        axes.plot(dots, y, "o", color=_FLOAT, markeredgecolor="white", markersize=9, zorder=3)
        axes.set_xlabel(f"{label} (logarithmic)")
        axes.grid(color="#dddddd", linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
    to_int8 = []
    for row, height in zip(rows, y, strict=True):
        if row["int8"]["p50_ms"] and row["int8"]["points"] is not None:
            ends = [(row["int8"]["p50_ms"], height + 100 * row["int8"]["points"]), (_times(row)[0], height)]
            panels[2].plot(*zip(*ends, strict=True), ":", color="#777777", zorder=2)
            panels[2].plot(*ends[0], "o", color=_INT8, zorder=3)
            to_int8.append(ends)
    fastest = min(_times(row)[-1] for row in rows)
    panels[2].set_xlim(fastest / 2, 2 * max(measures[2][1]))
    panels[0].set_ylabel("accuracy on the test images in %")
    figure.suptitle("The models of the zoo: up and to the left is better; orange is int8", fontsize=11)
    for axes, (_, x) in zip(panels, measures, strict=True):
        place_labels(axes, x, y, [row["model"] for row in rows], to_int8 if axes is panels[2] else [])
    return figure
