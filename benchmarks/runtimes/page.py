"""The page of the runtimes, from their table alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from statistics import median

from fer_zoo.text import plural

from ..cells import milliseconds, number, percent, ratio, size
from ..table import Columns, markdown_table
from .registry import RUNTIMES
from .rows import LOWEST_AGREEMENT, RuntimeResult, RuntimesReport, kind_order

# The word in a cell for each status of a row.
_WORDS = {"right": "right", "wrong": "**wrong**", "compiled": "compiled", "refused": "refused", "not installed": "-"}
_FORMATS = {"keras": "Keras", "onnx": "ONNX", "tflite": "TFLite"}


def _batches(row: RuntimeResult) -> str:
    return f"no: {row.batch_error}" if row.batch_error else percent(row.batch_agreement)


def _count(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"


COLUMNS: Columns[RuntimeResult] = [
    ("file", lambda row: row.file.name),
    ("runtime", lambda row: row.runtime),
    ("result", lambda row: _WORDS[row.status]),
    ("agreement", lambda row: percent(row.agreement)),
    ("images", lambda row: _count(row.n)),
    ("in batches of 8", _batches),
    ("images there", lambda row: _count(row.batch_n)),
    ("max abs Δp", lambda row: number(row.max_abs_diff)),
    ("accuracy", lambda row: percent(row.accuracy)),
    ("reference's", lambda row: percent(row.reference_accuracy)),
    ("accuracy in batches", lambda row: percent(row.batch_accuracy)),
    ("time", lambda row: ratio(row.relative_latency)),
    ("to load", lambda row: milliseconds(row.load_ms)),
    ("memory", lambda row: size(row.memory_bytes)),
    ("accelerated", lambda row: percent(row.accelerated, 1)),
    ("arena", lambda row: size(row.arena_bytes)),
]


def to_markdown(report: RuntimesReport, plotted: bool) -> str:
    """The page; `plotted` says whether `runtimes.png` is beside it."""
    machine = report.machine
    sections = [
        "# Runtimes",
        f"{plural(len(report.rows), 'pair')} of a file and a runtime, test images of {report.data.source}, on "
        f"{machine.cpu}, commit {machine.commit or '-'}, {report.when[:10]}.",
        "Agreement is the share of images of which the runtime predicts the same class as the zoo's own runtime does "
        "with the same file: ONNX Runtime, LiteRT, or Keras. "
        f"A file is right in a runtime where it agrees on at least {LOWEST_AGREEMENT:.0%} of the images (or all but "
        f"one), one at a time and in batches of eight. {report.single_images:,} images are predicted one at a time and "
        f"all {report.data.n:,} (of FER+'s models, those that have its labels) in batches, fewer where a runtime is "
        "slow: the columns of images say how many. Time is the median of one image on one core over that of ONNX "
        "Runtime or LiteRT in the same process. Memory is by how much the peak of the process grew. Accelerated is the "
        "share of operators on the NPU, or in the delegate where the runtime has one.",
        *(["![each file in each runtime](runtimes.png)"] if plotted else []),
        summary(report),
        *_refusals(report.rows),
        "## All figures",
        markdown_table(
            COLUMNS, [row for row in report.rows if row.n or row.status == "compiled"], left=["runtime", "result"]
        ),
    ]
    return "\n\n".join(sections) + "\n"


def summary(report: RuntimesReport) -> str:
    """A table with a line for each runtime: how many files of each kind are right there, and its time."""
    kinds = sorted({kind_order(row.file): (row.file.format, row.file.precision) for row in report.rows}.items())
    lines = []
    for runtime in RUNTIMES:
        rows = [row for row in report.rows if row.runtime == runtime.name]
        if rows:
            cells = (_right(rows, *kind) for _, kind in kinds)
            lines.append((f"[{runtime.name}]({runtime.url})", *cells, _median_time(rows)))
    headings = [
        "runtime",
        *(
            _FORMATS[format] if format == "keras" else f"{_FORMATS[format]} {precision}"
            for _, (format, precision) in kinds
        ),
        "time",
    ]
    columns = [(heading, partial(_cell, index)) for index, heading in enumerate(headings)]
    return markdown_table(columns, lines)


def _cell(index: int, line: tuple[str, ...]) -> str:
    return line[index]


def _right(rows: Iterable[RuntimeResult], format: str, precision: str) -> str:
    """Text such as `10 of 11`, with the number of files that run and are wrong; the others were refused."""
    of_kind = [row for row in rows if (row.file.format, row.file.precision) == (format, precision)]
    if not of_kind:
        return ""
    if all(row.status == "not installed" for row in of_kind):
        return "not installed"
    if shares := sorted({f"{row.accelerated:.0%}" for row in of_kind if row.status == "compiled"}, key=len):
        return f"{' to '.join(dict.fromkeys((shares[0], shares[-1])))} on the NPU"
    done = sum(row.status == "right" for row in of_kind)
    wrong = sum(row.status == "wrong" for row in of_kind)
    if not done + wrong:
        return "refused"
    return f"{done} of {len(of_kind)}" + (f", **{wrong} wrong**" if wrong else "")


def _median_time(rows: Sequence[RuntimeResult]) -> str:
    times = [row.relative_latency for row in rows if row.relative_latency is not None]
    return f"{number(median(times))}x" if times else "-"


def _refusals(rows: Iterable[RuntimeResult]) -> list[str]:
    """The reasons why files make no predictions, each with the files that it applies to."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        if row.error:
            reasons.setdefault((row.runtime, row.error), []).append(row.file.name)
    if not reasons:
        return []
    lines = [
        f"- {runtime}, {', '.join(files[:3])}{f' and {len(files) - 3} more' if len(files) > 3 else ''}: `{error}`"
        for (runtime, error), files in reasons.items()
    ]
    return ["## Refused", "\n".join(lines)]
