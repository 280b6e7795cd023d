"""`python -m benchmarks scale`: photos a second on Ray's workers, and what a billion photos cost."""

from __future__ import annotations

from pathlib import Path

from fer_zoo.console import out
from fer_zoo.distributed.ray_start import running_ray
from fer_zoo.inference import DEFAULT_MODEL
from fer_zoo.option_types import positive
from fer_zoo.packages import require
from fer_zoo.tables import print_table

from ..arguments import add_depth, add_output, command_parser, output_folder
from ..machine import describe
from ..options import REPORT_PACKAGES
from ..outputs import write_outputs
from ..table import terminal_table
from ..throughput.make_photos import KINDS
from .measure import measure_scale
from .page import COLUMNS, to_markdown
from .plot import plot_scale

_PHOTO = Path(__file__).parents[2] / "docs" / "images" / "astronaut.jpg"


def main(arguments: list[str]) -> int:
    """Measure, and write `scale.json`, `.csv`, `.md` and `.png`."""
    parser = command_parser("scale", "Photos a second on Ray's workers, and what a billion photos cost.")
    parser.add_argument("--model", default=DEFAULT_MODEL, help="model file or name")
    parser.add_argument("--photo", type=Path, default=_PHOTO, help="of one face; other sizes are made of it")
    parser.add_argument("--photos", nargs="+", choices=[kind.name for kind in KINDS], help="else all kinds")
    parser.add_argument("--workers", nargs="+", type=positive, default=[1, 2], metavar="N")
    parser.add_argument("--count", type=positive, help="photos for each worker; else 800")
    add_output(parser)
    add_depth(parser, "80 photos for each worker", "4,000 photos for each worker")
    options = parser.parse_args(arguments)
    require(*REPORT_PACKAGES, "pyarrow", "ray")
    usual = 80 if options.quick else 4000 if options.full else 800
    machine = describe()
    with running_ray(max(options.workers)):
        from fer_zoo.distributed.ray_engine import predict_on_ray

        report = measure_scale(
            predict_on_ray,
            machine,
            options.model,
            options.photo,
            [kind for kind in KINDS if not options.photos or kind.name in options.photos],
            sorted(options.workers),
            options.count or usual,
        )
    folder, figure = output_folder(options), plot_scale(report.rows)
    page = write_outputs(folder, "scale", to_markdown(report), figure, report, report.rows)
    print_table(terminal_table(COLUMNS, report.rows, left=["photo"]), optional=["KB", "photos"])
    out.print(f"report: {page}", markup=False)
    return 0
