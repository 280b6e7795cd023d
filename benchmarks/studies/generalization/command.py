"""`python -m benchmarks generalization`: what in training makes a model do well on faces unlike those it has seen."""

from __future__ import annotations

from pathlib import Path

from fer_zoo.backend import BACKENDS
from fer_zoo.console import out
from fer_zoo.data import load_dataset
from fer_zoo.files import write_text
from fer_zoo.zoo import artifacts_dir

from ...arguments import add_data, add_output, command_parser, positive
from ...drawing import save_figure
from ...options import reports_folder
from ...table import write_csv, write_record
from .measure import BASE, VARIANTS, measure
from .page import to_markdown
from .plot import plot_generalization


def main(arguments: list[str]) -> int:
    """Train and measure, and write `generalization.json`, `.csv`, `.md` and `.png`."""
    parser = command_parser(
        "generalization", "Train on clear or on ambiguous faces, test on the others: what makes a model transfer?"
    )
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS), help="else all")
    parser.add_argument("--seeds", nargs="+", type=int, default=[2025, 2026, 2027], help="else 2025 2026 2027")
    parser.add_argument("--epochs", type=positive, default=10, help="of each training; else 10")
    parser.add_argument("--backend", choices=BACKENDS, default="tensorflow", help="of Keras; else tensorflow")
    parser.add_argument("--runs", type=Path, default=Path("runs", "generalization"), help="folder for the trainings")
    parser.add_argument("--ferplus", type=Path, metavar="CSV", help="FER+'s votes; else those of the bundled images")
    add_data(parser)
    add_output(parser)
    options = parser.parse_args(arguments)
    folder = options.output or reports_folder(artifacts_dir())
    variants = [name for name in VARIANTS if name in (BASE, *options.variants)]
    record = measure(
        load_dataset(options.data),
        options.runs,
        variants,
        options.seeds,
        options.epochs,
        options.backend,
        options.ferplus,
    )
    write_record(folder / "generalization.json", record)
    write_csv(folder / "generalization.csv", record.rows)
    save_figure(folder / "generalization.png", plot_generalization(record), dpi=110)
    write_text(folder / "generalization.md", to_markdown(record))
    out.print(f"report: {folder / 'generalization.md'}", markup=False)
    return 0
