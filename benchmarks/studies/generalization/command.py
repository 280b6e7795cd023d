"""`python -m benchmarks generalization`: what in training makes a model do well on faces unlike those it has seen."""

from __future__ import annotations

from pathlib import Path

from fer_zoo.backend import BACKENDS
from fer_zoo.console import out
from fer_zoo.data import load_dataset
from fer_zoo.option_types import positive

from ...arguments import add_data, add_output, command_parser, output_folder
from ...outputs import write_outputs
from .measure import BASE, VARIANTS, measure
from .page import to_markdown
from .plot import plot_generalization


def main(arguments: list[str]) -> int:
    """Train and measure, and write `generalization.json`, `.csv`, `.md` and `.png`."""
    parser = command_parser(
        "generalization", "Train on clear or on ambiguous faces, test on the others: what makes a model transfer?"
    )
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS), help="else all")
    parser.add_argument("--seeds", nargs="+", type=int, default=[2025, 2026], help="else 2025 2026")
    parser.add_argument("--epochs", type=positive, default=6, help="of each training; else 6")
    parser.add_argument("--backend", choices=BACKENDS, default="tensorflow", help="of Keras; else tensorflow")
    parser.add_argument("--runs", type=Path, default=Path("runs", "generalization"), help="folder for the trainings")
    parser.add_argument("--ferplus", type=Path, metavar="CSV", help="FER+'s votes; else those of the bundled images")
    parser.add_argument("--models", nargs="+", default=[], metavar="NAME", help="only these of the published models")
    parser.add_argument("--peers", type=Path, metavar="FOLDER", help="measure the published models too")
    add_data(parser)
    add_output(parser)
    options = parser.parse_args(arguments)
    variants = [name for name in VARIANTS if name in (BASE, *options.variants)]
    record = measure(
        load_dataset(options.data),
        options.runs,
        variants,
        options.seeds,
        options.epochs,
        options.backend,
        options.ferplus,
        options.peers,
        options.models,
    )
    figure, folder = plot_generalization(record), output_folder(options)
    page = write_outputs(folder, "generalization", to_markdown(record), figure, record, record.rows)
    out.print(f"report: {page}", markup=False)
    return 0
