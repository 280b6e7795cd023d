"""Parity gates: how far a file may differ from its Keras original; a file that misses one is not published."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table

from fer_zoo.errors import FerZooError
from fer_zoo.evaluation.parity import Parity, failures

from .options import Reporter


@dataclass(frozen=True)
class ParityCheck:
    """A file that was compared with the Keras original.

    Attributes:
        path: The file.
        precision: Its precision, which decides the gates.
        parity: What the comparison measured.
        images: Which form of the test images was used, where there are several.
    """

    path: Path
    precision: str
    parity: Parity
    images: str = ""


def check_gates(checks: Sequence[ParityCheck], report: Reporter) -> None:
    """Report the measures of all files as a table, then refuse an export with a missed gate.

    Raises:
        FerZooError: A file misses a gate.
    """
    report(_table(checks))
    missed = [
        f"{check.path.name}{f' on {check.images} images' if check.images else ''}: {failure}"
        for check in checks
        for failure in failures(check.parity, check.precision)
    ]
    if missed:
        raise FerZooError(f"nothing was written, parity gates are missed: {'; '.join(missed)}")


def _table(checks: Sequence[ParityCheck]) -> Table:
    header = ["file", "kB", "agreement", "max |Δp|", "mean |Δp|", "Δ accuracy", "Δ macro-F1", "gate"]
    several = any(check.images for check in checks)
    table = Table(*header[:1], *["images"] * several, *header[1:], box=None, pad_edge=False)
    for check in checks:
        parity, missed = check.parity, failures(check.parity, check.precision)
        table.add_row(
            check.path.name,
            *[check.images] * several,
            f"{check.path.stat().st_size / 1000:.0f}",
            f"{parity.argmax_agreement:.2%}",
            f"{parity.max_abs_diff:.2g}",
            f"{parity.mean_abs_diff:.2g}",
            f"{100 * parity.accuracy_delta:+.2f}",
            f"{100 * parity.macro_f1_delta:+.2f}",
            "MISSED" if missed else "passed",
            style="red" if missed else None,
        )
    return table
