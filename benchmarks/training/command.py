"""`python -m benchmarks training`: images a second of a training step, stock Keras beside ours."""

from __future__ import annotations

from pathlib import Path

from fer_zoo.backend import BACKENDS, require_backends
from fer_zoo.console import out
from fer_zoo.option_types import positive, positive_number
from fer_zoo.packages import require
from fer_zoo.tables import print_table

from ..arguments import add_depth, add_output, command_parser, output_folder
from ..options import REPORT_PACKAGES
from ..outputs import write_outputs
from ..table import terminal_table
from .measure import NETWORKS, measure_training
from .page import SPEED_COLUMNS, to_markdown
from .plot import plot_speeds

_PRINTED = ("network", "backend", "variant", "images/s", "of stock", "step, p50")


def main(arguments: list[str]) -> int:
    """Measure, and write `training.json`, `.csv`, `.md` and `.png`."""
    parser = command_parser("training", "Time training steps: stock Keras beside ours, backend by backend.")
    parser.add_argument("--backends", nargs="+", choices=BACKENDS, help="else all that are installed")
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, help="else all")
    parser.add_argument("--rounds", type=positive, help="each combination is timed once a round; else 1")
    parser.add_argument("--seconds", type=positive_number, help="timed, after five steps of warm-up; else 3")
    parser.add_argument("--runs", nargs="*", type=Path, default=[], metavar="RUN", help="folders of training runs")
    add_output(parser)
    add_depth(parser, "one network on one backend for a second: 35 s of one core", "two rounds of six seconds each")
    options = parser.parse_args(arguments)
    backends = require_backends(*options.backends or ())
    require(*REPORT_PACKAGES)
    if options.quick and not options.backends:
        backends = backends[:1]
    usual_rounds, usual_seconds = (1, 1.0) if options.quick else (2, 6.0) if options.full else (1, 3.0)
    report = measure_training(
        backends,
        options.networks or (NETWORKS[:1] if options.quick else NETWORKS),
        options.rounds or usual_rounds,
        options.seconds or usual_seconds,
        options.runs,
    )
    folder, figure = output_folder(options), plot_speeds(report.speeds)
    page = write_outputs(folder, "training", to_markdown(report), figure, report, report.speeds)
    columns = [column for column in SPEED_COLUMNS if column[0] in _PRINTED]
    print_table(terminal_table(columns, report.speeds, left=["backend", "variant"]), optional=["step, p50"])
    out.print(f"report: {page}", markup=False)
    return 0
