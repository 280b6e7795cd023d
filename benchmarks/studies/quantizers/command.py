"""`python -m benchmarks quantizers MODEL.keras`: what other quantizers would have made of a model."""

from __future__ import annotations

from pathlib import Path

from fer_zoo.backend import select_backend
from fer_zoo.console import out
from fer_zoo.errors import UsageError
from fer_zoo.files import write_text
from fer_zoo.option_types import positive
from fer_zoo.packages import require
from fer_zoo.zoo import artifacts_dir, in_package

from ...arguments import add_data, command_parser
from ...table import write_csv
from .page import draw, to_markdown

_PACKAGES = ("tensorflow", "tf2onnx", "onnx", "ai_edge_litert", "sklearn", "matplotlib", "flatbuffers")


def main(arguments: list[str]) -> int:
    """Measure, and write `<model>.json`, `.csv`, `.png` and `.md`."""
    parser = command_parser("quantizers", "Measure what several quantizers make of a model, on PublicTest.")
    parser.add_argument("model", type=Path, metavar="MODEL.keras")
    add_data(parser)
    parser.add_argument("--calibration", type=positive, default=512, metavar="N", help="train images to calibrate on")
    parser.add_argument("--output", type=Path, metavar="FOLDER", help="else artifacts/experiments/quantizers")
    parser.add_argument("--fresh", action="store_true", help="drop the rows of an earlier run")
    options = parser.parse_args(arguments)
    require(*_PACKAGES)
    if not options.model.is_file():
        raise UsageError(f"{options.model} does not exist; give the model.keras of a run or of the zoo")
    # TFLite and tf2onnx convert a TensorFlow SavedModel, whatever backend trained the model.
    select_backend("tensorflow")
    from .measure import compare_quantizers

    folder = options.output or (
        Path("quantizers") if in_package(artifacts_dir()) else artifacts_dir() / "experiments" / "quantizers"
    )
    name = options.model.parent.name if options.model.stem == "model" else options.model.stem
    study = compare_quantizers(options.model, folder / f"{name}.json", options.data, options.calibration, options.fresh)
    write_csv(folder / f"{name}.csv", study.rows)
    draw(folder / f"{name}.png", study.rows)
    page = to_markdown(study, f"{name}.png")
    write_text(folder / f"{name}.md", page)
    out.print(page, markup=False)
    return 0
