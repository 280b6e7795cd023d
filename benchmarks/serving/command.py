"""`python -m benchmarks serve`: requests a second and latency of `fer-zoo serve`, several checkouts in turns."""

from __future__ import annotations

import argparse
from pathlib import Path

from fer_zoo.console import out
from fer_zoo.errors import UsageError
from fer_zoo.option_types import positive
from fer_zoo.packages import require
from fer_zoo.tables import print_table

from ..arguments import add_output, command_parser, output_folder
from ..options import REPORT_PACKAGES
from ..outputs import write_outputs
from ..table import terminal_table
from .measure import Load, measure_serving
from .page import COLUMNS, to_markdown
from .plot import plot_serving

_CHECKOUT = Path(__file__).parents[2]
_PHOTO = _CHECKOUT / "docs" / "images" / "astronaut.jpg"


def main(arguments: list[str]) -> int:
    """Measure, and write `serving.json`, `.csv`, `.md` and `.png`; 1 where a request failed."""
    options = _parser().parse_args(arguments)
    for checkout in options.checkout:
        if not (checkout / "fer_zoo" / "serve").is_dir():
            raise UsageError(f"{checkout} is no checkout of fer_zoo; pass folders that have fer_zoo/serve")
    for option, requests in (("--requests", options.requests), ("--mixed", options.mixed or options.rounds)):
        if requests < options.rounds:
            raise UsageError(f"{option} {requests} cannot be cut into --rounds {options.rounds}; give fewer rounds")
    require(*REPORT_PACKAGES)
    hostile = (0, options.hostile) if options.hostile else (0,)
    load = Load(
        options.photo, options.size, options.connections, hostile, options.requests, options.mixed, options.rounds
    )
    report = measure_serving(options.checkout, load, options.options)
    folder, figure = output_folder(options), plot_serving(report.rows)
    page = write_outputs(folder, "serving", to_markdown(report), figure, report, report.rows)
    print_table(terminal_table(COLUMNS, report.rows), optional=["MB first", "MB last", "CPU ms"])
    out.print(f"report: {page}", markup=False)
    return int(any(row.failed for row in report.rows))


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    return positive(width), positive(height)


def _parser() -> argparse.ArgumentParser:
    parser = command_parser("serve", "Requests a second and latency of `fer-zoo serve` with one photo of one face.")
    parser.add_argument(
        "--checkout", nargs="+", type=Path, default=[_CHECKOUT], metavar="FOLDER", help="versions to compare, in turns"
    )
    parser.add_argument("--photo", type=Path, default=_PHOTO)
    parser.add_argument("--size", type=_size, default=(640, 480), metavar="WxH", help="of the photo (default: 640x480)")
    parser.add_argument("--connections", nargs="+", type=positive, default=[8, 16], metavar="N")
    parser.add_argument(
        "--hostile",
        type=positive,
        metavar="N",
        help="measure again beside N clients that hold connections: bodies that do not come, headers that do not end, "
        "files that are not read",
    )
    parser.add_argument("--requests", type=positive, default=1000, help="with each number of connections")
    parser.add_argument(
        "--mixed",
        type=positive,
        default=0,
        metavar="N",
        help="then N requests over 200 connections, two in five of them broken or too large, and the memory they leave",
    )
    parser.add_argument("--rounds", type=positive, default=4, help="that they are cut into")
    add_output(parser)
    parser.add_argument("--options", nargs=argparse.REMAINDER, default=[], help="of the server; the last of all")
    return parser
