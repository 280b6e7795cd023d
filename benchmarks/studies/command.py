"""`python -m benchmarks crops`, `debug` and `sensitivity`."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

from fer_zoo.console import out
from fer_zoo.data import load_dataset
from fer_zoo.errors import UsageError
from fer_zoo.inference import load_classifier
from fer_zoo.option_types import positive
from fer_zoo.packages import require
from fer_zoo.tables import print_table
from fer_zoo.zoo import artifacts_dir, find_file, load_manifest, local_path

from ..arguments import add_data, add_output, command_parser, output_folder
from ..options import evenly, reports_folder
from ..outputs import write_outputs
from ..table import terminal_table

_CALIBRATION_IMAGES = 256


def crops_main(arguments: list[str]) -> int:
    """Measure, and write `crops.json`, `.csv`, `.md` and `.png`."""
    from .crops.measure import SPLITS, measure_crops
    from .crops.page import plot_crops, to_markdown

    parser = command_parser(
        "crops",
        "FER2013's own crops are enlarged, put into a larger picture, found again by the detector, and cut out with "
        "many margins and alignments. Photos show whether the best of them holds there.",
    )
    parser.add_argument("--model", default="baseline_cnn", help="classifier that judges")
    parser.add_argument("--photos", type=Path, metavar="FOLDER", help="photos, in folders named after expressions")
    parser.add_argument("--splits", nargs="+", choices=SPLITS, default=SPLITS, help="which test images")
    parser.add_argument("--images", type=positive, metavar="N", help="of each split; else all")
    add_data(parser)
    add_output(parser)
    options = parser.parse_args(arguments)
    require("matplotlib")
    classifier, dataset = load_classifier(options.model), load_dataset(options.data)
    splits = {n: evenly(dataset.subset(n), options.images) for n in options.splits if dataset.has(n)}
    if not splits:
        raise UsageError(f"{dataset.source} does not tell PublicTest from PrivateTest; pass other --data")
    folder = options.output or reports_folder(artifacts_dir()) / "crops"
    report = measure_crops(classifier, options.model, splits, options.photos)
    page = write_outputs(folder, "crops", to_markdown(report), plot_crops(report), report, report.rows, dpi=130)
    out.print(f"report: {page}", markup=False)
    return 0


def debug_main(arguments: list[str]) -> int:
    """Compare, and write `debug-NAME.json`, `.md` and `.png`."""
    from .float32 import float32_file
    from .graph_tensors import tensors_of
    from .tensor_noise import COLUMNS, NoiseReport, departure, pair_tensors, plot_noise, to_markdown

    parser = command_parser("debug", "Compare the tensors inside a quantized graph with those of its float32 file.")
    parser.add_argument("model", help="quantized file of the zoo as NAME:FORMAT:PRECISION, or a .onnx or .tflite file")
    parser.add_argument("--against", type=Path, metavar="FILE", help="float32 file; else the model's own")
    parser.add_argument("--images", type=positive, default=32, metavar="N", help="test images to run")
    add_data(parser)
    add_output(parser)
    options = parser.parse_args(arguments)
    quantized = Path(options.model) if Path(options.model).is_file() else find_file(options.model)
    require("onnx" if quantized.suffix == ".onnx" else "ai_edge_litert", "matplotlib")
    batch = evenly(load_dataset(options.data).subset("public_test"), options.images).images[..., None].astype("float32")
    entry = next((a for a in load_manifest() if local_path(a, artifacts_dir()).resolve() == quantized.resolve()), None)
    if entry is None and options.against is None:
        raise UsageError("the model is not one of the zoo; give its float32 file with --against")
    own = options.against is None and entry
    with float32_file(own.model, own.format) if own else nullcontext(_file(options.against)) as path:
        pairs = pair_tensors(tensors_of(path, batch), tensors_of(quantized, batch))
    report = NoiseReport(options.model, len(batch), tuple(pairs))
    stem = f"debug-{quantized.parent.name}-{quantized.name.replace('.', '-')}"
    text, figure = to_markdown(report, f"{stem}.png"), plot_noise(pairs, quantized.name)
    page = write_outputs(output_folder(options), stem, text, figure, report, dpi=130)
    print_table(terminal_table(COLUMNS, pairs, left=["operation", "shape"]), optional=["cosine"])
    out.print(departure(pairs).replace("**", ""), markup=False)
    out.print(f"report: {page}", markup=False)
    return 0


def sensitivity_main(arguments: list[str]) -> int:
    """Measure, and write `sensitivity-NAME.json`, `.md` and `.png`."""
    from .float32 import float32_file
    from .layer_sensitivity import SensitivityReport, measure, plot_costs, summary, to_markdown

    parser = command_parser("sensitivity", "Round one layer at a time to int8, and count the cost.")
    parser.add_argument("model", help="name of a model of the zoo, or a float32 .onnx file")
    parser.add_argument("--images", type=positive, default=1024, metavar="N", help="of PublicTest")
    add_data(parser)
    add_output(parser)
    options = parser.parse_args(arguments)
    require("onnx", "matplotlib")
    dataset = load_dataset(options.data)
    test = evenly(dataset.subset("public_test"), options.images)
    calibration = evenly(dataset.subset("train"), _CALIBRATION_IMAGES).images
    own = options.model.endswith(".onnx")
    with nullcontext(_file(Path(options.model))) if own else float32_file(options.model) as path:
        costs = measure(path, test.images, test.labels, calibration)
    name = path.stem if own and path.name != "model.onnx" else path.parent.name
    report = SensitivityReport(name, len(test), tuple(costs))
    stem = f"sensitivity-{name}"
    text, figure = to_markdown(report, f"{stem}.png"), plot_costs(costs, name)
    page = write_outputs(output_folder(options), stem, text, figure, report, dpi=130)
    out.print(summary(costs).replace("**", ""), markup=False)
    out.print(f"report: {page}", markup=False)
    return 0


def _file(path: Path) -> Path:
    if not path.is_file():
        raise UsageError(f"there is no file {path}")
    return path
