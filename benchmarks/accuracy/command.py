"""`python -m benchmarks tta` and `python -m benchmarks seeds`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from fer_zoo.console import out

from ..arguments import add_depth, add_output, add_selection, command_parser, options_of, output_folder
from ..options import smallest_models
from ..outputs import write_outputs
from ..table import read_record
from . import seeds, tta
from .plot import plot_seeds, plot_tta
from .rows import SeedsReport

_QUICK_IMAGES = 512
_USUAL_MODELS = 3


def tta_main(arguments: list[str]) -> int:
    """Measure test-time augmentation, and write `tta.json`, `.csv`, `.md` and `.png`."""
    parser = command_parser("tta", "Measure the three smallest models with test-time augmentation: 96 s of one core.")
    add_selection(parser)
    add_depth(
        parser,
        f"the two smallest models on {_QUICK_IMAGES} images: 4 s of one core",
        "all models, not the three smallest",
    )
    parsed = parser.parse_args(arguments)
    options = options_of(parsed, images=_QUICK_IMAGES if parsed.quick else None)
    if not (options.models or parsed.full):
        options = replace(options, models=smallest_models(options.artifacts, _USUAL_MODELS))
    report = tta.measure_tta(options)
    page = write_outputs(options.output, "tta", tta.to_markdown(report.rows), plot_tta(report.rows), rows=report.rows)
    out.print(f"report: {page}", markup=False)
    return 0


def seeds_main(arguments: list[str]) -> int:
    """Compare training runs, and write the model's rows into `seeds.json`, `.md` and `.png`."""
    parser = command_parser("seeds", "Mean and spread of one recipe over several seeds.")
    parser.add_argument("model", metavar="NAME", help="name of the model in the tables")
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="folders of runs that differ in the seed")
    add_output(parser)
    options = parser.parse_args(arguments)
    measured = seeds.measure_seeds(options.model, options.runs)
    folder = output_folder(options)
    earlier = read_record(folder / "seeds.json", SeedsReport) or SeedsReport()
    rows = [*(row for row in earlier.rows if row.model != options.model), *measured]
    rows.sort(key=lambda row: (row.model, list(seeds.SPLITS).index(row.split)))
    write_outputs(folder, "seeds", seeds.to_markdown(rows), plot_seeds(rows), SeedsReport(tuple(rows)))
    for row in measured:
        out.print(f"{seeds.SPLITS[row.split]}: {row.text}")
    return 0
