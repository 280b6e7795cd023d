"""`models.md` and `models.png`: the models of the zoo side by side, a row each, from the report alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fer_zoo.models import describe_model, list_models
from fer_zoo.png import new_figure, plain_axes
from fer_zoo.zoo import trained_models

from ..accuracy.rows import Accuracy
from ..cells import milliseconds, number, percent, points, ratio, setting, size
from ..drawing import place_labels
from ..outputs import write_outputs
from ..rows import ModelFile
from ..table import Columns, markdown_table
from .rows import ArtifactRow, Report

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FERPLUS_MARK = " ⁴"
FERPLUS_NOTE = (
    "⁴ FER+'s eight expressions, on the test images whose annotators agree (3,153 of PrivateTest): not to be compared "
    "with accuracy on FER2013's own labels."
)
_OTHER = "Not of the registry: an ensemble, or a model of your own; its card says what it is made of."
_FLOAT, _INT8 = "#0072b2", "#d55e00"


@dataclass(frozen=True)
class ModelRow:
    """A model: its float32 ONNX file, and its int8 one.

    Attributes:
        file: The float32 file.
        evaluation: Accuracy of that file; `None` where not measured, as all below.
        fp32_ms: Its p50 at the smallest batch on the fewest threads.
        int8_bytes: Size of the int8 file.
        int8_ms: Its p50 in the same setting.
        int8_points: Change of accuracy from the Keras original, -1..1.
        int8_agreement: Share of images with the same prediction as the original.
    """

    file: ModelFile
    evaluation: Accuracy | None = None
    fp32_ms: float | None = None
    int8_bytes: int | None = None
    int8_ms: float | None = None
    int8_points: float | None = None
    int8_agreement: float | None = None

    @classmethod
    def of(cls, fp32: ArtifactRow, int8: ArtifactRow | None, first: tuple[int, int]) -> ModelRow:
        """From the rows of the two files, the times at the setting `first`."""

        def p50(row: ArtifactRow | None) -> float | None:
            timed = row.at(first) if row else None
            return timed.p50_ms if timed else None

        parity = int8.parity if int8 else None
        return cls(
            file=fp32.file,
            evaluation=fp32.evaluation,
            fp32_ms=p50(fp32),
            int8_bytes=int8.file.bytes if int8 else None,
            int8_ms=p50(int8),
            int8_points=parity.accuracy_delta if parity else None,
            int8_agreement=parity.argmax_agreement if parity else None,
        )

    @property
    def accuracy(self) -> float:
        """0 where not measured."""
        return self.evaluation.accuracy if self.evaluation else 0.0

    @property
    def times(self) -> list[float]:
        """The p50 of the files in float32 and int8 that were timed."""
        return [time for time in (self.fp32_ms, self.int8_ms) if time]


def model_rows(report: Report) -> list[ModelRow]:
    """One row for each model that has a float32 ONNX file, best first; those of FER+'s eight expressions last."""
    first = report.settings[0] if report.settings else (1, 1)
    files = {(row.file.model, row.file.precision): row for row in report.artifacts if row.file.format == "onnx"}
    rows = [
        ModelRow.of(row, files.get((model, "int8")), first)
        for (model, precision), row in files.items()
        if precision == "fp32"
    ]
    return sorted(rows, key=lambda row: (row.file.is_fer2013, row.accuracy), reverse=True)


def write_models(folder: Path, report: Report) -> None:
    """Write the page and its plot into `folder`, or remove older ones where no model was measured whole."""
    rows = [row for row in model_rows(report) if row.accuracy and row.times]
    if not rows:
        for name in ("models.md", "models.png"):
            (folder / name).unlink(missing_ok=True)
        return
    figure = _plot([row for row in rows if row.file.is_fer2013] or rows, report.settings[0])
    write_outputs(folder, "models", _markdown(rows, report.settings[0]), figure, dpi=150)


_Cell = Callable[[ModelRow], str]
_NAME: tuple[str, _Cell] = ("model", lambda row: row.file.model + ("" if row.file.is_fer2013 else FERPLUS_MARK))


def _measure(name: str) -> _Cell:
    return lambda row: percent(getattr(row.evaluation, name, None))


_FLOAT_COLUMNS: Columns[ModelRow] = [
    _NAME,
    ("parameters", lambda row: f"{row.file.params:,}"),
    ("MMAC", lambda row: number(row.file.macs / 1e6)),
    ("accuracy", _measure("accuracy")),
    ("PrivateTest", _measure("private_test")),
    ("macro-F1", _measure("macro_f1")),
    ("ECE", _measure("ece")),
    ("size", lambda row: size(row.file.bytes)),
    ("p50", lambda row: milliseconds(row.fp32_ms)),
]
_INT8_COLUMNS: Columns[ModelRow] = [
    _NAME,
    ("Δ points", lambda row: points(row.int8_points)),
    ("agreement", lambda row: percent(row.int8_agreement)),
    ("size", lambda row: size(row.int8_bytes)),
    ("p50", lambda row: milliseconds(row.int8_ms)),
    ("speedup", lambda row: ratio(row.fp32_ms / row.int8_ms if row.fp32_ms and row.int8_ms else None)),
]


def _markdown(rows: Sequence[ModelRow], first: tuple[int, int]) -> str:
    architectures = {name: name for name in list_models()}
    architectures |= {info.name: info.architecture for info in trained_models() if info.architecture in architectures}
    about = {name: describe_model(architecture) for name, architecture in architectures.items()}
    sections = [
        "# The models of the zoo",
        f"ONNX files in ONNX Runtime; p50 at {setting(*first)}. Every other format and setting is in the benchmark "
        "report." + (f" {FERPLUS_NOTE}" if not all(row.file.is_fer2013 for row in rows) else ""),
        "## Float32",
        markdown_table(_FLOAT_COLUMNS, rows),
        "![Accuracy against parameters, multiply-accumulates and latency](models.png)",
        "## Int8",
        markdown_table(_INT8_COLUMNS, rows),
        "## What they are",
        "\n".join(f"- **{row.file.model}**: {about.get(row.file.model, _OTHER)}" for row in rows),
    ]
    return "\n\n".join(sections) + "\n"


def _plot(rows: Sequence[ModelRow], first: tuple[int, int]) -> Figure:
    figure = new_figure(14, 4.6)
    panels = figure.subplots(1, 3, sharey=True)
    measures: tuple[tuple[str, list[float]], ...] = (
        ("parameters", [row.file.params for row in rows]),
        ("million multiply-accumulates", [row.file.macs / 1e6 for row in rows]),
        (f"p50 in ms, {setting(*first)}", [row.times[0] for row in rows]),
    )
    y = [100 * row.accuracy for row in rows]
    for axes, (label, x) in zip(panels, measures, strict=True):
        axes.set_xscale("log")
        axes.set_xlim(min(x) / 2, max(x) * 2)
        axes.set_ylim(min(y) - 1.5, max(y) + 1.5)
        # A model that is too large to ship may be there, and timed, in int8 alone: `None` draws nothing.
        dots = [row.fp32_ms for row in rows] if axes is panels[2] else x
        axes.plot(dots, y, "o", color=_FLOAT, markeredgecolor="white", markersize=9, zorder=3)
        axes.set_xlabel(f"{label} (logarithmic)")
        plain_axes(axes, grid="both")
    to_int8 = []
    for row, height in zip(rows, y, strict=True):
        if row.int8_ms and row.int8_points is not None:
            ends = [(row.int8_ms, height + 100 * row.int8_points), (row.times[0], height)]
            panels[2].plot(*zip(*ends, strict=True), ":", color="#777777", zorder=2)
            panels[2].plot(*ends[0], "o", color=_INT8, zorder=3)
            to_int8.append(ends)
    fastest = min(row.times[-1] for row in rows)
    panels[2].set_xlim(fastest / 2, 2 * max(measures[2][1]))
    panels[0].set_ylabel("accuracy on the test images in %")
    figure.suptitle("The models of the zoo: up and to the left is better; orange is int8", fontsize=11)
    for axes, (_, x) in zip(panels, measures, strict=True):
        place_labels(axes, x, y, [row.file.model for row in rows], to_int8 if axes is panels[2] else [])
    return figure
