"""`python -m benchmarks runtimes`: checks our files in the runtimes that people use."""

from __future__ import annotations

from dataclasses import replace

from fer_zoo.console import out
from fer_zoo.files import write_text
from fer_zoo.option_types import positive, positive_number
from fer_zoo.packages import require
from fer_zoo.tables import print_table

from ..arguments import add_depth, add_selection, command_parser, options_of
from ..drawing import save_figure
from ..options import REPORT_PACKAGES
from ..table import terminal_table, write_csv
from .measure import measure_runtimes
from .page import COLUMNS, to_markdown
from .plot import plot_runtimes
from .process import Limits
from .registry import CORE, RUNTIMES, find_runtimes

_PRINTED = ("file", "runtime", "result", "agreement", "in batches of 8", "accuracy")


def main(arguments: list[str]) -> int:
    """Measure, and write `runtimes.json`, `.csv`, `.md` and `.png`; 1 where a file is wrong in a runtime."""
    parser = command_parser(
        "runtimes", "Run files in other runtimes, each in an environment of its own, made when it is first needed."
    )
    add_selection(parser)
    parser.add_argument("--runtimes", nargs="+", default=[], metavar="NAME", help="only those whose name begins so")
    parser.add_argument("--list", action="store_true", help="only print the names of the runtimes")
    usual = Limits()
    parser.add_argument(
        "--images",
        type=positive,
        metavar="N",
        help=f"test images to use; else {usual.single_images:,} one at a time and all in batches, while time suffices",
    )
    parser.add_argument(
        "--seconds",
        type=positive_number,
        help=f"of the processor for single images, and half as many for batches; else {usual.seconds:g}",
    )
    add_depth(parser, f"the smallest models, 100 images, {' and '.join(CORE)}", "all test images one at a time too")
    parsed = parser.parse_args(arguments)
    if parsed.list:
        for runtime in RUNTIMES:
            out.print(runtime.name, markup=False, highlight=False)
        return 0
    runtimes = find_runtimes(tuple(parsed.runtimes) or (CORE if parsed.quick else ()))
    require(*REPORT_PACKAGES)
    options = options_of(parsed, images=parsed.images or (100 if parsed.quick else None))
    limits = replace(Limits(), single_images=options.images or (None if parsed.full else usual.single_images))
    if parsed.seconds or parsed.full:
        limits = replace(limits, seconds=parsed.seconds or 600.0, process_seconds=3600.0)
    report = measure_runtimes(options, runtimes, limits)
    folder = options.output
    write_csv(folder / "runtimes.csv", report.rows)
    plotted = save_figure(folder / "runtimes.png", plot_runtimes(report), dpi=150)
    write_text(folder / "runtimes.md", to_markdown(report, plotted))
    names = {runtime.name for runtime in runtimes}
    rows = [row for row in report.rows if row.runtime in names]
    print_table(terminal_table([c for c in COLUMNS if c[0] in _PRINTED], rows, left=["runtime", "result"]))
    out.print(f"report: {folder / 'runtimes.md'}", markup=False)
    return int(any(row.status == "wrong" for row in rows))
