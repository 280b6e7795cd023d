"""Command-line options that several benchmarks share."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from fer_zoo.console import HelpFormatter
from fer_zoo.cpu import cores
from fer_zoo.errors import UsageError
from fer_zoo.option_types import positive, positive_number
from fer_zoo.zoo import artifacts_dir

from . import BENCHMARK, EXPORT
from .options import FULL_TIMING, QUICK_OUTPUT, QUICK_TIMING, Options, Timing, reports_folder, smallest_models

_QUICK_MODELS = 2


def command_parser(name: str, description: str) -> argparse.ArgumentParser:
    """A parser of `benchmark NAME`, whose usage line begins as the user typed it."""
    # The console script sets this word to `fer-zoo benchmark`.
    typed = sys.argv[0] if sys.argv[0].startswith("fer-zoo ") else BENCHMARK
    return argparse.ArgumentParser(
        prog=f"{typed} {name}".strip(), description=description, formatter_class=HelpFormatter
    )


def add_selection(parser: argparse.ArgumentParser) -> None:
    """Add the options for the files to measure, the images, and the folder of reports."""
    add_data(parser)
    parser.add_argument("--artifacts", type=Path, help="folder of manifest.json; else the project's artifacts")
    add_output(parser)
    parser.add_argument(
        "--models", nargs="+", default=[], metavar="NAME[:FORMAT[:PRECISION]]", help="measure only these files of ours"
    )
    parser.add_argument("--fresh", action="store_true", help="do not reuse results of an earlier run")


def add_data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, help="FER2013 as a folder, zip or CSV; else the bundled images")


def add_output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--output", type=Path, metavar="FOLDER", help="folder for the reports; else artifacts/reports")


def output_folder(parsed: argparse.Namespace, artifacts: Path | None = None) -> Path:
    """The folder of the reports: that of `--output`, else that of quick runs or the one in the artifacts folder."""
    if parsed.output:
        return parsed.output
    return QUICK_OUTPUT if getattr(parsed, "quick", False) else reports_folder(artifacts or artifacts_dir())


def add_depth(parser: argparse.ArgumentParser, quick: str, full: str) -> None:
    """Add `--quick` and `--full`; `quick` and `full` say what they measure."""
    depth = parser.add_mutually_exclusive_group()
    depth.add_argument("--quick", action="store_true", help=f"{quick}, into {QUICK_OUTPUT}; its figures mean little")
    depth.add_argument("--full", action="store_true", help=full)


def add_timing(parser: argparse.ArgumentParser) -> None:
    """Add the options for how files are timed."""
    usual = Timing()
    parser.add_argument("--batch", nargs="+", type=positive, metavar="N", help="images per query; else 1 and 32")
    parser.add_argument(
        "--threads", nargs="+", type=_threads, metavar="N", help="1, all, or both, which is the default"
    )
    parser.add_argument("--queries", type=positive, help=f"timed queries of each file; else {usual.queries:,}")
    parser.add_argument(
        "--seconds", type=positive_number, help=f"or timed seconds, if over first; else {usual.seconds:g}"
    )
    parser.add_argument("--cold-starts", type=positive, help=f"fresh processes for each file; else {usual.cold_starts}")


def options_of(parsed: argparse.Namespace, **settings: Any) -> Options:
    """Convert parsed arguments to the options of a run.

    Args:
        parsed: Arguments of a parser with `add_selection` and `add_depth`, perhaps `add_timing`.
        settings: Other fields of `Options`.

    Raises:
        UsageError: There is no artifacts folder.
    """
    artifacts = parsed.artifacts or artifacts_dir()
    if not artifacts.is_dir():
        raise UsageError(f"there is no folder {artifacts}; pass --artifacts or make it with `{EXPORT} MODEL.keras`")
    return Options(
        artifacts=artifacts,
        output=output_folder(parsed, artifacts),
        data=parsed.data,
        models=tuple(parsed.models) or (smallest_models(artifacts, _QUICK_MODELS) if parsed.quick else ()),
        timing=_timing(parsed),
        fresh=parsed.fresh,
        **settings,
    )


def _timing(parsed: argparse.Namespace) -> Timing:
    timing = QUICK_TIMING if parsed.quick else FULL_TIMING if parsed.full else Timing()
    chosen = {name: getattr(parsed, name, None) for name in ("queries", "seconds", "cold_starts")}
    return replace(
        timing,
        batches=tuple(sorted(set(getattr(parsed, "batch", None) or timing.batches))),
        threads=tuple(sorted(set(getattr(parsed, "threads", None) or (1, cores())))),
        **{name: value for name, value in chosen.items() if value is not None},
    )


def _threads(text: str) -> int:
    return cores() if text == "all" else positive(text)
