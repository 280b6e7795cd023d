"""`python -m benchmarks onnx-converters`: tf2onnx, torch and jax2onnx on the zoo's models."""

from __future__ import annotations

from pathlib import Path

from fer_zoo.console import out
from fer_zoo.packages import require
from fer_zoo.zoo import artifacts_dir

from ...arguments import add_data, add_output, command_parser
from ...options import reports_folder
from ...outputs import write_outputs
from .measure import measure
from .page import to_markdown
from .plot import plot_converters

_NAME = "onnx_converters"


def main(arguments: list[str]) -> int:
    """Measure, and write `onnx_converters.json`, `.csv`, `.md` and `.png`."""
    parser = command_parser("onnx-converters", "Measure what several converters to ONNX make of the models.")
    parser.add_argument("--models", nargs="+", default=[], metavar="NAME", help="only these models")
    add_data(parser)
    parser.add_argument("--artifacts", type=Path, help="folder of manifest.json; else the project's artifacts")
    add_output(parser)
    parser.add_argument("--fresh", action="store_true", help="drop the rows of an earlier run")
    options = parser.parse_args(arguments)
    require("onnx", "matplotlib")
    artifacts = options.artifacts or artifacts_dir()
    folder = options.output or reports_folder(artifacts)
    record = measure(artifacts, folder / f"{_NAME}.json", options.models, options.data, options.fresh)
    text, figure = to_markdown(record, f"{_NAME}.png"), plot_converters(record)
    page = write_outputs(folder, _NAME, text, figure, record, record.rows)
    out.print(f"report: {page}", markup=False)
    return 0
