"""`python -m benchmarks populations`: what adapting predictions to another population gives, and the default model."""

from __future__ import annotations

from pathlib import Path

from fer_zoo.console import out
from fer_zoo.data import load_dataset
from fer_zoo.zoo import artifacts_dir

from ...arguments import add_data, add_output, command_parser, output_folder
from ...outputs import write_outputs
from .measure import measure
from .page import to_markdown
from .plot import plot_populations


def main(arguments: list[str]) -> int:
    """Measure, and write `populations.json`, `.csv`, `.md` and `.png`."""
    parser = command_parser("populations", "Measure what adapting the predictions to another population gives.")
    parser.add_argument("--models", nargs="+", default=[], metavar="NAME", help="only these models")
    add_data(parser)
    parser.add_argument("--ferplus", type=Path, metavar="CSV", help="FER+'s votes; else those of the bundled images")
    parser.add_argument("--artifacts", type=Path, help="folder of manifest.json; else the project's artifacts")
    add_output(parser)
    options = parser.parse_args(arguments)
    artifacts = options.artifacts or artifacts_dir()
    record = measure(load_dataset(options.data), artifacts, options.models, options.ferplus)
    folder, figure = output_folder(options, artifacts), plot_populations(record)
    page = write_outputs(folder, "populations", to_markdown(record), figure, record, record.rows)
    out.print(f"report: {page}", markup=False)
    return 0
