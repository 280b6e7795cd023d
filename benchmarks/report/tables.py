"""Rows and words for tables, made from the report alone."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from fer_zoo.contract import EXPRESSIONS
from fer_zoo.text import plural as plural

Row = dict[str, Any]

_FACTS = ("name", "model", "format", "precision", "path", "bytes", "params", "macs")
_EVALUATION = (
    "n",
    "accuracy",
    "accuracy_low",
    "accuracy_high",
    "macro_f1",
    "ece",
    "nll",
    "accuracy_without_train_copies",
)
_PARITY = (
    *("accuracy_delta", "accuracy_delta_low", "accuracy_delta_high", "macro_f1_delta", "argmax_agreement"),
    *(
        "macro_f1_delta_low",
        "macro_f1_delta_high",
        "max_abs_diff",
        "mean_abs_diff",
        "kl",
        "ece_delta",
        "nll_delta",
        "lost",
        "won",
        "mcnemar_p",
    ),
)
_LATENCY = (
    *("runtime", "batch", "threads", "n", "p50_ms", "p90_ms", "p99_ms", "mean_ms", "images_per_second"),
    *("relative_p50", "gmacs_per_second", "share_of_peak", "roofline_ms", "times_roofline"),
)
_COST = ("batch", "threads", "images_per_second_per_core", "usd_per_million")
_EXECUTION = ("execution", *_LATENCY[1:9], "relative_to_default")
_ELSEWHERE = (
    *("where", "status", "accuracy_delta", "macro_f1_delta", "argmax_agreement", "max_abs_diff", "mean_abs_diff", "kl"),
    "error",
)
_COLD_START = (
    *("runtime", "threads", "n", "cold_start_ms", "python_ms", "import_ms", "load_ms", "answer_ms"),
    "peak_memory_bytes",
)


def of_earlier_files(rows: Iterable[Row]) -> str:
    """Which of the rows have times of earlier files of the same networks, as a sentence; empty where none has."""
    names = [row["name"] for row in rows if "timed_sha256" in row]
    return f"Times are of earlier files of the same networks, for: {', '.join(names)}." if names else ""


def markdown_table(columns: list[str], rows: Iterable[list[str]], left: Sequence[str] = ()) -> str:
    """Rows of cells as a markdown table; the first column and those in `left` to the left, others to the right."""
    lines = [columns, ["---" if name in (columns[0], *left) else "---:" for name in columns], *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def to_csv(report: Row) -> dict[str, str]:
    """The content of each CSV file by its name, numbers in full precision, without files of what was not measured."""
    artifacts = report["artifacts"]
    classes = list(dict.fromkeys(name for a in artifacts for name in a.get("evaluation", {}).get("recall", ())))
    recall = [f"recall_{name}" for name in classes] + [f"recall_delta_{name}" for name in classes]
    optional = {
        "elsewhere.csv": (
            _ELSEWHERE,
            [row | row.get("parity", {}) | _who(a) for a in artifacts for row in a.get("elsewhere", ())],
        ),
        "execution.csv": (_EXECUTION, [row | _who(a) for a in artifacts for row in a.get("execution", ())]),
        "cost.csv": (_COST, [a["best"] | _who(a) for a in artifacts if "best" in a]),
    }
    return {
        "parity.csv": _csv(
            (*_FACTS, "status", *_EVALUATION, *_PARITY, *recall), [a | _flat_parity(a) for a in artifacts]
        ),
        "latency.csv": _csv(("name", "path", *_LATENCY), [a | row for a in artifacts for row in a["latency"]]),
        "cold_start.csv": _csv(
            ("name", "path", *_COLD_START), [a | a["cold_start"] for a in artifacts if "cold_start" in a]
        ),
    } | {name: _csv(("name", "path", *columns), rows) for name, (columns, rows) in optional.items() if rows}


def _who(artifact: Row) -> Row:
    return {"name": artifact["name"], "path": artifact["path"]}


def of_fer2013(row: Row) -> bool:
    """Whether the expressions of a model or artifact are FER2013's seven; those of older reports all are."""
    return row.get("classes", len(EXPRESSIONS)) == len(EXPRESSIONS)


def at(artifact: Row, batch: int, threads: int) -> Row | None:
    """The latency row of one setting."""
    rows = (row for row in artifact["latency"] if (row["batch"], row["threads"]) == (batch, threads))
    return next(rows, None)


def settings_of(report: Row) -> list[tuple[int, int]]:
    """Every (batch, threads) that was timed, small first."""
    return sorted({(row["batch"], row["threads"]) for a in report["artifacts"] for row in a["latency"]})


def percent(value: float | None, digits: int = 2) -> str:
    return "-" if value is None else f"{100 * value:.{digits}f} %"


def points(value: float | None) -> str:
    """A difference of shares in percentage points."""
    return "-" if value is None else f"{100 * value:+.2f}"


def milliseconds(value: float | None) -> str:
    return "-" if value is None else f"{number(value)} ms"


def number(value: float | None) -> str:
    """Three significant digits, never in scientific notation above 0.001."""
    if value is None:
        return "-"
    if value and abs(value) < 1e-3:
        return f"{value:.1e}"
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3
    return f"{value:,.{digits}f}"


def size(count: int | None) -> str:
    """Bytes as kB or MB (powers of ten)."""
    if count is None:
        return "-"
    return f"{count / 1e3:,.1f} kB" if count < 1e6 else f"{number(count / 1e6)} MB"


def _flat_parity(artifact: Row) -> Row:
    evaluation, parity = artifact.get("evaluation", {}), artifact.get("parity", {})
    low, high = evaluation.get("accuracy_interval", (None, None))
    delta_low, delta_high = parity.get("accuracy_delta_interval", (None, None))
    unseen = evaluation.get("without_train_copies") or {}
    intervals = {"accuracy_without_train_copies": unseen.get("accuracy"), "accuracy_low": low, "accuracy_high": high}
    intervals |= {"accuracy_delta_low": delta_low, "accuracy_delta_high": delta_high}
    f1_low, f1_high = parity.get("macro_f1_delta_interval", (None, None))
    intervals |= {"macro_f1_delta_low": f1_low, "macro_f1_delta_high": f1_high}
    recall = {f"recall_{name}": value for name, value in evaluation.get("recall", {}).items()}
    recall |= {f"recall_delta_{k}": v for k, v in parity.get("per_class_recall_delta", {}).items()}
    return evaluation | parity | intervals | recall


def _csv(columns: Sequence[str], rows: list[Row]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
