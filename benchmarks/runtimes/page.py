"""The page of the runtimes, from their table alone."""

from __future__ import annotations

from collections.abc import Iterable

from fer_zoo.text import plural

from ..cells import milliseconds, number, percent, ratio, size
from ..table import Columns, markdown_table
from .registry import RUNTIMES
from .rows import LOWEST_AGREEMENT, RuntimeResult, RuntimesReport

# The word in a cell for each status of a row.
_WORDS = {"right": "right", "wrong": "**wrong**", "compiled": "compiled", "refused": "refused", "not installed": "-"}


def _batches(row: RuntimeResult) -> str:
    return f"no: {row.batch_error}" if row.batch_error else percent(row.batch_agreement)


COLUMNS: Columns[RuntimeResult] = [
    ("file", lambda row: row.file.name),
    ("runtime", lambda row: row.runtime),
    ("result", lambda row: _WORDS[row.status]),
    ("agreement", lambda row: percent(row.agreement)),
    ("in batches of 8", _batches),
    ("max abs Δp", lambda row: number(row.max_abs_diff)),
    ("accuracy", lambda row: percent(row.accuracy)),
    ("reference's", lambda row: percent(row.reference_accuracy)),
    ("images", lambda row: "-" if row.n is None else f"{row.n:,}"),
    ("time", lambda row: ratio(row.relative_latency)),
    ("to load", lambda row: milliseconds(row.load_ms)),
    ("memory", lambda row: size(row.memory_bytes)),
    ("on the NPU", lambda row: percent(row.accelerated, 1)),
    ("arena", lambda row: size(row.arena_bytes)),
]


def to_markdown(report: RuntimesReport, plotted: bool) -> str:
    """The page; `plotted` says whether `runtimes.png` is beside it."""
    machine = report.machine
    sections = [
        "# Runtimes",
        f"{plural(len(report.rows), 'pair')} of a file and a runtime, {report.data.n:,} test images of "
        f"{report.data.source}, on {machine.cpu}, commit {machine.commit or '-'}, {report.when[:10]}.",
        "Agreement is the share of images of which the runtime predicts the same class as the zoo's own runtime does "
        "with the same file: ONNX Runtime, LiteRT, or Keras. "
        f"A file is right in a runtime where it agrees on at least {LOWEST_AGREEMENT:.0%} of the images, one at a time "
        "and in batches of eight. Time is the median of one image on one thread over that of ONNX Runtime or LiteRT in "
        "the same process. Memory is by how much the peak of the process grew.",
        *(["![agreement of each model in each runtime](runtimes.png)"] if plotted else []),
        _summary(report),
        *_refusals(report.rows),
        "## All figures",
        markdown_table(
            COLUMNS, [row for row in report.rows if row.n or row.status == "compiled"], left=["runtime", "result"]
        ),
    ]
    return "\n\n".join(sections) + "\n"


def _summary(report: RuntimesReport) -> str:
    """For each runtime, format and precision, the number of files that are right."""
    kinds = list(dict.fromkeys((row.file.format, row.file.precision) for row in report.rows))
    lines = []
    for runtime in RUNTIMES:
        rows = [row for row in report.rows if row.runtime == runtime.name]
        if rows:
            lines.append((f"[{runtime.name}]({runtime.url})", *(_count(rows, *kind) for kind in kinds)))
    columns: Columns[tuple[str, ...]] = [
        ("runtime", lambda line: line[0]),
        *(
            (f"{format} {precision}", lambda line, index=index: line[index])
            for index, (format, precision) in enumerate(kinds, 1)
        ),
    ]
    return markdown_table(columns, lines)


def _count(rows: Iterable[RuntimeResult], format: str, precision: str) -> str:
    """Text such as `10 of 11`, with the names of the files that run and are wrong; the others were refused."""
    of_kind = [row for row in rows if (row.file.format, row.file.precision) == (format, precision)]
    if not of_kind:
        return ""
    if all(row.status == "not installed" for row in of_kind):
        return "not installed"
    done = sum(row.status in ("right", "compiled") for row in of_kind)
    wrong = sum(row.status == "wrong" for row in of_kind)
    return f"{done} of {len(of_kind)}" + (f", {wrong} wrong" if wrong else "")


def _refusals(rows: Iterable[RuntimeResult]) -> list[str]:
    """The reasons why files make no predictions, each with the files that it applies to."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        if row.error:
            reasons.setdefault((row.runtime, row.error), []).append(row.file.name)
    if not reasons:
        return []
    lines = [
        f"- {runtime}, {', '.join(files[:3])}{f' and {len(files) - 3} more' if len(files) > 3 else ''}: {error}"
        for (runtime, error), files in reasons.items()
    ]
    return ["## Refused", "\n".join(lines)]
