"""`python -m benchmarks`: parity and latency of every artifact, and their report."""

from __future__ import annotations

import argparse
import importlib.util
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from fer_zoo.backend import installed_backends
from fer_zoo.console import err, out, run
from fer_zoo.cpu import cores
from fer_zoo.errors import UsageError
from fer_zoo.packages import require
from fer_zoo.tables import print_table
from fer_zoo.zoo import artifacts_dir

from .options import (
    QUICK,
    QUICK_OUTPUT,
    REPORT_PACKAGES,
    Options,
    manifest_of,
    positive,
    quick_models,
    reports_folder,
    select,
)

_COMMANDS = ("all", "parity", "latency", "report")

# Modules with a `main(arguments)` of their own, and what they tell.
_OTHER_COMMANDS = {
    "compare": ("report.regression", "what changed between two reports"),
    "crops": ("studies.crops", "the comparison of face crops"),
    "processors": ("report.processors", "the times of several machines in one page"),
    "debug": ("studies.debug", "where an int8 graph departs from float"),
    "sensitivity": ("studies.sensitivity", "what rounding each layer costs"),
    "quantizers": ("studies.quantizers.command", "what other quantizers would have made of a model"),
    "populations": ("studies.populations", "answers adapted to other populations"),
    "tta": ("accuracy.tta", "accuracy with test-time augmentation"),
    "seeds": ("accuracy.seeds", "mean and spread over seeds"),
    "training": ("training.measure", "images a second of a training step"),
    "peers": ("peers", "the published models beside ours"),
    "serve": ("serve", "requests a second of the HTTP server"),
    "robustness": ("robustness", "corruptions, calibration, confused pairs, other data sets"),
}


def main(arguments: list[str]) -> int | None:
    """Run a benchmark; 1 when an artifact misses a gate or could not be measured."""
    if arguments and arguments[0] in _OTHER_COMMANDS:
        return import_module(f"{__package__}.{_OTHER_COMMANDS[arguments[0]][0]}").main(arguments[1:])
    parsed = _parser().parse_args(arguments)
    require(*REPORT_PACKAGES, "ai_edge_litert")
    options = _options(parsed)
    from .latency.measure import run_latency
    from .parity.measure import run_parity
    from .report.write import write_report

    passed = True
    if parsed.command in ("all", "parity"):
        asked = {artifact.path for artifact in select(manifest_of(options), options.models)}
        rows = [row for row in run_parity(options)["rows"] if row["path"] in asked]
        rows = [*rows, *(other for row in rows for other in row.get("elsewhere", ()))]
        passed &= all(row["status"] in ("passed", "reference") for row in rows)
    if parsed.command in ("all", "latency"):
        passed &= not run_latency(options)["errors"]
    report = write_report(options.output)
    _show(report)
    out.print(f"report: {options.output / 'report.md'}")
    return 0 if passed else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks" if Path(sys.argv[0]).name == "__main__.py" else None,
        description="Compare every artifact of the manifest with its Keras original and time it on this machine.",
        epilog="An interrupted run goes on where it stopped when the same command is given again. "
        f"Also: {_listed()} (each has its own --help).",
    )
    parser.add_argument(
        "command",
        nargs="?",
        default="all",
        choices=_COMMANDS,
        help="what to measure (default: all); `report` only makes the report again from parity.json and latency.json",
    )
    parser.add_argument("--data", type=Path, help="FER2013 as a folder, zip or CSV (default: the bundled test images)")
    parser.add_argument("--artifacts", type=Path, help="folder of manifest.json (default: the project's artifacts)")
    parser.add_argument("--output", type=Path, help="folder of the reports (default: reports in the artifacts folder)")
    parser.add_argument(
        "--models", nargs="+", default=[], metavar="NAME[:FORMAT[:PRECISION]]", help="only these artifacts"
    )
    parser.add_argument("--batch", nargs="+", type=positive, default=[1, 32], metavar="N", help="default: 1 32")
    parser.add_argument(
        "--threads", nargs="+", type=_threads, default=[1, cores()], metavar="N", help="default: 1 all (all cores)"
    )
    parser.add_argument("--queries", type=positive, help="timed queries of each candidate (default: 1024)")
    parser.add_argument("--seconds", type=_seconds, help="or timed seconds, if over first (default: 10)")
    parser.add_argument("--cold-starts", type=positive, help="fresh processes per artifact (default: 5)")
    parser.add_argument("--keras", action="store_true", help="time the .keras originals too, each in its own process")
    parser.add_argument(
        "--own-only",
        action="store_true",
        help="each file in its own runtime and default settings alone, no other Keras backend or optimization",
    )
    parser.add_argument(
        "--price", type=_price, default=0.04, metavar="USD", help="of a core for an hour (default: 0.04, a small VM's)"
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help=f"about a minute: the smallest models, few queries, into {QUICK_OUTPUT}; its times mean little",
    )
    parser.add_argument("--fresh", action="store_true", help="keep nothing of an earlier run")
    return parser


def _listed() -> str:
    return "; ".join(f"`{name}`, {summary}" for name, summary in _OTHER_COMMANDS.items())


def _options(parsed: argparse.Namespace) -> Options:
    artifacts = parsed.artifacts or artifacts_dir()
    if not artifacts.is_dir():
        raise UsageError(
            f"there is no folder {artifacts}; pass --artifacts or make it with `python -m export MODEL.keras`"
        )
    own_only = parsed.own_only or parsed.quick
    given = {name: getattr(parsed, name) for name in ("queries", "seconds", "cold_starts")}
    limits = QUICK if parsed.quick else {}
    limits = limits | {name: value for name, value in given.items() if value is not None}
    return Options(
        artifacts=artifacts,
        output=parsed.output or (QUICK_OUTPUT if parsed.quick else reports_folder(artifacts)),
        data=parsed.data,
        models=tuple(parsed.models) or (quick_models(artifacts) if parsed.quick else ()),
        batches=tuple(sorted(set(parsed.batch))),
        threads=tuple(sorted(set(parsed.threads))),
        keras=parsed.keras,
        execution=not own_only,
        price=parsed.price,
        backends=() if own_only else tuple(installed_backends()),
        runtimes=() if own_only or importlib.util.find_spec("openvino") is None else ("openvino",),
        fresh=parsed.fresh,
        **limits,
    )


def _show(report: dict[str, Any]) -> None:
    """The summary without its widest columns, failed rows in red."""
    from rich.table import Table

    from .report.page import headline

    columns, rows = headline(report)
    chosen = [i for i, column in enumerate(columns) if column not in ("95 % interval", "relative", "memory")]
    table = Table(box=None, pad_edge=False)
    for i in chosen:
        # "p50, batch 1, 1 thread" in three lines is as wide as the figures below it.
        heading = columns[i].replace(", ", "\n")
        table.add_column(heading, justify="left" if i == 0 else "right", no_wrap=i > 0)
    for artifact, cells in zip(report["artifacts"], rows, strict=True):
        bad = artifact["status"] in ("failed", "error")
        table.add_row(*(cells[i].replace("*", "") for i in chosen), style="red" if bad else None)
    throughput = next((str(c.header) for c in table.columns if str(c.header).startswith("images/s")), "")
    print_table(table, optional=["cold start", throughput, "agreement", "Δ points"])
    for artifact in report["artifacts"]:
        for problem in (*artifact["missed"], *artifact["errors"]):
            err.print(f"{artifact['name']}: {problem}", style="red", markup=False)


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError("must be above 0")
    return value


def _price(text: str) -> float:
    value = float(text)
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError("must be at least 0")
    return value


def _threads(text: str) -> int:
    return cores() if text == "all" else positive(text)


if __name__ == "__main__":
    sys.exit(run(main))
