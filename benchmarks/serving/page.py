"""The page of the server's benchmark, from its report alone."""

from __future__ import annotations

from ..table import Columns, markdown_table
from .rows import ServingReport, ServingRow

COLUMNS: Columns[ServingRow] = [
    ("checkout", lambda row: row.checkout),
    ("connections", lambda row: str(row.connections)),
    ("hostile", lambda row: str(row.hostile)),
    ("load", lambda row: "mixed" if row.mixed else "photos"),
    ("requests", lambda row: f"{row.requests:,}"),
    ("failed", lambda row: str(row.failed)),
    ("503, sent again", lambda row: f"{row.busy:,}"),
    ("requests/s", lambda row: f"{row.requests_per_second:.1f}"),
    ("p50 ms", lambda row: f"{row.p50_ms:.1f}"),
    ("p99 ms", lambda row: f"{row.p99_ms:.1f}"),
    ("CPU ms", lambda row: f"{row.cpu_ms:.1f}"),
    ("MB first", lambda row: f"{row.first_bytes / 1e6:.0f}"),
    ("MB last", lambda row: f"{row.last_bytes / 1e6:.0f}"),
]


def to_markdown(report: ServingReport) -> str:
    """The page."""
    machine = report.machine
    width, height = report.photo_size
    options = f" with `{' '.join(report.options)}`" if report.options else ""
    return (
        "\n\n".join(
            [
                "# Requests a second",
                f"`python -m benchmarks serve`, {report.when}, on {machine.cpu}, {machine.cores} cores, load "
                f"{machine.load_average[0]:.1f} at the start. Clients run on the same cores. `fer-zoo serve`{options}, "
                f"one JPEG of {width}x{height} pixels and one face a request, {report.rounds} rounds in turns. Hostile "
                "clients hold connections beside the others; their rows include a second of waiting a round. Of a "
                "mixed load, two requests in five are broken or too large and must be refused as such. Memory is that "
                "of the server's processes after the first and the last round.",
                "![requests a second](serving.png)",
                markdown_table(COLUMNS, report.rows),
            ]
        )
        + "\n"
    )
