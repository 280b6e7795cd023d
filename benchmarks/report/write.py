"""The report of a folder's `parity.json` and `latency.json`: CSV, markdown and plots, without measuring anything."""

from __future__ import annotations

from pathlib import Path

from fer_zoo.files import write_text

from ..peers.page import write_peers
from ..peers.rows import PeersReport
from ..peers.verdict import with_present_files
from ..table import read_record, write_csv, write_record
from .merge import read_report
from .model_table import write_models
from .page import to_markdown
from .plot import draw_plots
from .rows import FileRow, Report


def write_report(folder: Path) -> Report:
    """Write the CSV files, `report.md`, `models.md` and the plots.

    A `peers.json` that lies there gets the accuracy of our present files.

    Raises:
        FerZooError: `folder` has neither `parity.json` nor `latency.json`.
    """
    report = read_report(folder)
    _write_tables(folder, report)
    write_text(folder / "report.md", to_markdown(report, draw_plots(report, folder)))
    write_models(folder, report)
    peers = read_record(folder / "peers.json", PeersReport)
    if report.parity and peers and (present := with_present_files(peers, report.parity)) != peers:
        write_record(folder / "peers.json", present)
        write_peers(folder, present)
    return report


def _write_tables(folder: Path, report: Report) -> None:
    """The CSV files, numbers in full precision; those of what was not measured go."""

    def rows_of(attribute: str) -> list[FileRow]:
        return [
            FileRow(artifact.file.name, artifact.file.path, row)
            for artifact in report.artifacts
            for row in getattr(artifact, attribute)
        ]

    write_csv(folder / "parity.csv", report.parity.rows if report.parity else ())
    for attribute in ("latency", "other_runtimes"):
        write_csv(folder / f"{attribute}.csv", rows_of(attribute))
    files = [artifact for artifact in report.artifacts if artifact.cost or artifact.cold_start]
    for attribute in ("cost", "cold_start"):
        parts = [(artifact.file, part) for artifact in files if (part := getattr(artifact, attribute))]
        write_csv(folder / f"{attribute}.csv", [FileRow(file.name, file.path, part) for file, part in parts])
