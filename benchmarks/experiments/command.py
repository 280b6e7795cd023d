"""`python -m benchmarks experiments`: training runs side by side."""

from __future__ import annotations

import json
from pathlib import Path

from fer_zoo.console import out
from fer_zoo.errors import UsageError
from fer_zoo.files import write_json, write_text
from fer_zoo.text import plural
from fer_zoo.zoo import with_portable_paths

from ..arguments import command_parser
from ..drawing import save_figure
from ..table import write_csv, write_record
from .page import to_markdown
from .plot import plot_points, plot_runs
from .rows import ExperimentsReport
from .training_run import FILES, Run


def main(arguments: list[str]) -> int:
    """Write `README.md`, `runs.json`, `.csv` and `.png`, and of several runs `points.png`, with the runs' small files
    beside them, of which the comparison can be made again."""
    parser = command_parser("experiments", "Compare training runs: a table (JSON, CSV, markdown) and learning curves.")
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="folder that fer_zoo.train left")
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--title", default="Training runs compared")
    options = parser.parse_args(arguments)
    if (options.output / "README.md").exists() and not (options.output / "runs.json").exists():
        raise UsageError(f"{options.output} has a README.md that is not of a comparison; choose another --output")
    runs = [Run.load(folder) for folder in options.runs]
    for each, folder in zip(runs, options.runs, strict=True):
        if each.expressions != runs[0].expressions:
            raise UsageError(f"{folder} has other expressions than {options.runs[0]}; compare runs on the same labels")
    for folder in options.runs:
        for name in FILES:
            target = options.output / folder.name / name
            if (folder / name).resolve() != target.resolve():
                target.parent.mkdir(parents=True, exist_ok=True)
                copy = with_portable_paths(json.loads((folder / name).read_text("utf-8")))
                write_json(target, copy, indent=2 if name == "config.json" else None)
    report = ExperimentsReport(tuple(each.row() for each in runs))
    write_record(options.output / "runs.json", report)
    write_csv(options.output / "runs.csv", report.rows)
    write_text(options.output / "README.md", to_markdown(options.title, runs))
    save_figure(options.output / "runs.png", plot_runs(runs), dpi=110)
    if len(runs) > 1:
        save_figure(options.output / "points.png", plot_points(report.rows), dpi=110)
    out.print(f"tables and plots of {plural(len(runs), 'run')} are in {options.output}", markup=False)
    return 0
