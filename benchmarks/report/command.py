"""`python -m benchmarks`: parity and latency of the zoo's files and their report; reports compared and put together."""

from __future__ import annotations

import argparse
import importlib.util
from pathlib import Path

from fer_zoo.backend import installed_backends
from fer_zoo.console import err, out
from fer_zoo.errors import UsageError
from fer_zoo.files import write_text
from fer_zoo.option_types import not_negative
from fer_zoo.packages import require
from fer_zoo.tables import print_table
from fer_zoo.text import plural
from fer_zoo.zoo import artifacts_dir

from .. import BENCHMARK
from ..arguments import add_depth, add_output, add_selection, add_timing, command_parser, options_of
from ..latency.rows import LatencyReport
from ..options import REPORT_PACKAGES, manifest_of, reports_folder, select
from ..table import read_record, terminal_table
from ..training.rows import TrainingReport
from . import processors
from .merge import read_report
from .readme import updated
from .regression import BETTER, CHANGED, SAME, WORSE, Change, compare_reports, same_machine
from .rows import Report

_COMMANDS = ("all", "parity", "latency", "report")
_STYLE = {WORSE: "red", BETTER: "green", CHANGED: "yellow"}
# Columns of the summary that only the page has.
_ON_THE_PAGE = ("95 % interval", "relative", "memory")


def main(arguments: list[str], other_commands: str) -> int:
    """Measure, and write the report; 1 when a file misses a gate or could not be measured.

    Args:
        arguments: Arguments of the command line.
        other_commands: What else there is, for the help.
    """
    parser = command_parser("", "Compare every file of the zoo with its Keras original and time it on this machine.")
    parser.epilog = (
        "An interrupted run goes on where it stopped when the same command is given again. "
        f"Also: {other_commands} (each has its own --help)."
    )
    parser.add_argument(
        "command",
        nargs="?",
        default="all",
        choices=_COMMANDS,
        help="what to measure; `report` only makes the report again from parity.json and latency.json",
    )
    add_selection(parser)
    add_depth(
        parser,
        "the two smallest models, few queries: 38 s of one core",
        "hours: the .keras originals too, all Keras backends and runtimes, ten seconds for each file in each setting",
    )
    add_timing(parser)
    parser.add_argument("--keras", action="store_true", help="time the .keras originals too, each in its own process")
    parser.add_argument("--own-only", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--price", type=not_negative, default=0.04, metavar="USD", help="of a core for an hour")
    parsed = parser.parse_args(arguments)
    require(*REPORT_PACKAGES, "ai_edge_litert")
    everything = parsed.full and not parsed.own_only
    options = options_of(
        parsed,
        keras=parsed.keras or everything,
        price=parsed.price,
        backends=tuple(installed_backends()) if everything else (),
        runtimes=("openvino",) if everything and importlib.util.find_spec("openvino") else (),
    )
    from ..latency.measure import run_latency
    from ..parity.measure import run_parity
    from .write import write_report

    passed = True
    if parsed.command in ("all", "parity"):
        selected = {artifact.path for artifact in select(manifest_of(options), options.models)}
        passed &= not any(row.bad for row in run_parity(options).rows if row.file.path in selected)
    if parsed.command in ("all", "latency"):
        passed &= not run_latency(options).errors
    print_summary(write_report(options.output))
    out.print(f"report: {options.output / 'report.md'}", markup=False)
    return 0 if passed else 1


def compare_main(arguments: list[str]) -> int:
    """Print what changed between two folders of reports; 1 on a regression."""
    parser = command_parser(
        "compare",
        "Compare two folders of reports. Times count as different where the medians of their rounds do not overlap and "
        "differ by 5 %%, cold starts where there are five of them; on different machines, times relative to each "
        "report's base are compared.",
    )
    parser.add_argument("before", type=Path, metavar="BEFORE", help="folder with parity.json, latency.json or both")
    parser.add_argument("after", type=Path, metavar="AFTER", help="another one")
    parser.add_argument("--all", action="store_true", help="list what is the same, too")
    options = parser.parse_args(arguments)
    before, after = (_read(path) for path in (options.before, options.after))
    changes = compare_reports(before, after)
    if not same_machine(before, after):
        out.print("Two machines: times are compared relative to each report's base, without cold start and memory.")
    _print_changes([change for change in changes if options.all or change.verdict != SAME])
    worse = [change for change in changes if change.verdict == WORSE]
    out.print(f"{plural(len(changes), 'measure')} compared, {plural(len(worse), 'regression')}")
    for change in worse:
        sentence = f"{change.artifact}: {change.measure} went from {change.before} to {change.after}"
        err.print(sentence, style="red", markup=False)
    return 1 if worse else 0


def processors_main(arguments: list[str]) -> int:
    """Write `processors.md`."""
    parser = command_parser("processors", "Put the times of several machines into one page, processors.md.")
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER", help="with latency.json or training.json")
    add_output(parser)
    options = parser.parse_args(arguments)
    latency = [run for folder in options.folders if (run := read_record(folder / "latency.json", LatencyReport))]
    training = [
        report for folder in options.folders if (report := read_record(folder / "training.json", TrainingReport))
    ]
    if not latency and not training:
        raise UsageError(f"no folder has latency.json or training.json; name folders that `{BENCHMARK}` wrote")
    path = (options.output or reports_folder(artifacts_dir())) / "processors.md"
    write_text(path, processors.to_markdown(latency, training))
    out.print(f"report: {path}", markup=False)
    return 0


def readme_main(arguments: list[str]) -> int:
    """Put the tables of the reports into the README of the checkout."""
    command_parser("readme", "Put the tables of the reports into README.md, in a checkout.").parse_args(arguments)
    path = Path("README.md")
    if not path.is_file():
        raise UsageError("there is no README.md here; run it in the checkout")
    write_text(path, updated(path.read_text(), artifacts_dir()))
    out.print(f"{path} has the tables of {artifacts_dir() / 'reports'}", markup=False)
    return 0


def print_summary(report: Report) -> None:
    """Print the summary without its widest columns, failed rows in red, and then every problem."""
    from .page import summary_columns

    # "p50, batch 1, 1 thread" in three lines is as wide as the figures below it.
    columns = [
        (heading.replace(", ", "\n"), lambda row, cell=cell: cell(row).replace("*", ""))
        for heading, cell in summary_columns(report)
        if heading not in _ON_THE_PAGE
    ]
    table = terminal_table(columns, report.artifacts)
    table.columns[0].no_wrap = False
    for row, artifact in zip(table.rows, report.artifacts, strict=True):
        row.style = "red" if artifact.bad else None
    throughput = next((str(c.header) for c in table.columns if str(c.header).startswith("images/s")), "")
    print_table(table, optional=["cold start", throughput, "agreement", "Δ points"])
    for artifact in report.artifacts:
        for problem in artifact.problems:
            err.print(f"{artifact.file.name}: {problem}", style="red", markup=False)


def _read(path: Path) -> Report:
    # Reports were one file, report.json, until it became the folder.
    folder = path.parent if path.suffix == ".json" else path
    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder}")
    return read_report(folder)


def _print_changes(changes: list[Change]) -> None:
    from rich.table import Table

    if not changes:
        return
    table = Table("artifact", "measure", "before", "after", "", box=None, pad_edge=False)
    for change in changes:
        style = _STYLE.get(change.verdict)
        table.add_row(change.artifact, change.measure, change.before, change.after, change.verdict, style=style)
    print_table(table)
