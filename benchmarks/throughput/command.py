"""`python -m benchmarks throughput`: photos a second of `fer-zoo predict`, several checkouts in turns."""

from __future__ import annotations

from pathlib import Path

from fer_zoo.console import out
from fer_zoo.inference import DEFAULT_MODEL
from fer_zoo.option_types import positive, positive_number
from fer_zoo.packages import require
from fer_zoo.tables import print_table
from fer_zoo.zoo import find_file

from ..arguments import add_depth, add_output, command_parser, output_folder
from ..options import REPORT_PACKAGES
from ..outputs import write_outputs
from ..table import terminal_table
from .make_photos import KINDS
from .measure import measure_throughput
from .page import COLUMNS, to_markdown
from .plot import plot_throughput

_CHECKOUT = Path(__file__).parents[2]
_PHOTO = _CHECKOUT / "docs" / "images" / "astronaut.jpg"
_PRINTED = ("program", "photo", "cores", "CPU ms a photo", "photos/s by the clock", "speed-up", "peak MB, one photo")


def main(arguments: list[str]) -> int:
    """Measure, and write `throughput.json`, `.csv`, `.md` and `.png`."""
    parser = command_parser("throughput", "Photos a second of `fer-zoo predict`, beside the bare decoder.")
    parser.add_argument(
        "--checkout", nargs="+", type=Path, default=[_CHECKOUT], metavar="FOLDER", help="versions to compare, in turns"
    )
    parser.add_argument("--model", default=DEFAULT_MODEL, help="model file or name, for all of them")
    parser.add_argument("--photo", type=Path, default=_PHOTO, help="of one face; other sizes are made of it")
    parser.add_argument("--photos", nargs="+", choices=[kind.name for kind in KINDS], help="else all kinds")
    parser.add_argument("--cores", nargs="+", type=positive, default=[1, 2], metavar="N")
    parser.add_argument("--rounds", type=positive, help="of which the fastest counts; else 3")
    parser.add_argument("--seconds", type=positive_number, help="of processor time for each row and round; else 3")
    parser.add_argument("--fer-python", metavar="PYTHON", help="interpreter with the package fer, to measure it too")
    add_output(parser)
    add_depth(parser, "one round of half a second", "five rounds of six seconds")
    options = parser.parse_args(arguments)
    require(*REPORT_PACKAGES)
    usual_rounds, usual_seconds = (1, 0.5) if options.quick else (5, 6.0) if options.full else (3, 3.0)
    report = measure_throughput(
        options.checkout,
        Path(options.model) if Path(options.model).is_file() else find_file(options.model),
        options.photo,
        fer_python=options.fer_python,
        kinds=[kind for kind in KINDS if not options.photos or kind.name in options.photos],
        cores=options.cores,
        seconds=options.seconds or usual_seconds,
        rounds=options.rounds or usual_rounds,
    )
    folder, figure = output_folder(options), plot_throughput(report.rows)
    page = write_outputs(folder, "throughput", to_markdown(report), figure, report, report.rows)
    columns = [column for column in COLUMNS if column[0] in _PRINTED]
    print_table(terminal_table(columns, report.rows, left=["photo"]), optional=["photos/s by the clock"])
    out.print(f"report: {page}", markup=False)
    return 0
