"""The page of the throughput benchmark, from its report alone."""

from __future__ import annotations

from ..table import Columns, markdown_table
from .rows import ThroughputReport, ThroughputRow

COLUMNS: Columns[ThroughputRow] = [
    ("program", lambda row: row.program),
    ("photo", lambda row: row.photo),
    ("KB", lambda row: f"{row.file_bytes / 1000:,.0f}"),
    ("cores", lambda row: str(row.cores)),
    ("CPU ms a photo", lambda row: f"{row.cpu_ms:.1f}"),
    ("photos per CPU second", lambda row: f"{1000 / row.cpu_ms:.0f}"),
    ("photos/s by the clock", lambda row: f"{1000 / row.wall_ms:.0f}"),
    ("speed-up", lambda row: "-" if row.speedup is None else f"{row.speedup:.2f}x"),
    ("start, CPU s", lambda row: "-" if row.start_cpu_seconds is None else f"{row.start_cpu_seconds:.2f}"),
    ("peak MB, one photo", lambda row: "-" if row.peak_bytes is None else f"{row.peak_bytes / 1e6:.0f}"),
]


def to_markdown(report: ThroughputReport) -> str:
    """The page."""
    machine = report.machine
    load = machine.load_average[0]
    sections = [
        "# Photos a second",
        f"`python -m benchmarks throughput`, {report.when}, on {machine.cpu}, with {report.model}. "
        "Photos show one face. CPU time is user and system time of the whole process without its start, the least of "
        f"{report.rounds} rounds. It counts where other work runs beside it (load {load:.1f} at the start), which the "
        "clock shows too. Speed-ups are of CPU time, over the first program with one core. Pillow's rows are the bare "
        "decoder: the limit.",
        markdown_table(COLUMNS, report.rows, left=["photo"]),
        *(f"{name}: not measured, {why}." for name, why in report.missing.items()),
    ]
    return "\n\n".join(sections) + "\n"
