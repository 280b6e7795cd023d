"""`python -m fer_zoo.evaluate MODEL`: evaluates a .keras, .onnx or .tflite model on the test images."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from rich.table import Table

from fer_zoo.backend import BACKENDS
from fer_zoo.cli.model_options import add_prior_option
from fer_zoo.console import err, out
from fer_zoo.cpu import cores
from fer_zoo.data import TrainingData, copies_of_train
from fer_zoo.errors import UsageError
from fer_zoo.evaluation import Evaluation, write_report
from fer_zoo.evaluation.model import images_for, predict
from fer_zoo.faces.largest import CROP_HELP, CROPS
from fer_zoo.inference import load_classifier
from fer_zoo.inference.prior import prior_text
from fer_zoo.packages import require
from fer_zoo.tables import print_table
from fer_zoo.zoo import run_config

_TTA = {
    "mirror": "mean of each image and its mirror image",
    "ten-crop": "mean of ten crops: the image, shifted towards each corner, and their mirror images",
}


def main(arguments: list[str]) -> int:
    options = _parser().parse_args(arguments)
    require("sklearn", "matplotlib")
    if options.output and (options.output / "config.json").exists():
        raise UsageError(f"{options.output} holds a model with a report of its own; choose another --output")
    classifier = load_classifier(options.model, threads=options.threads, backend=options.backend, prior=options.prior)
    dataset = images_for(classifier.path, classifier.labels, options.data, options.ferplus, options.crop)
    for note in dataset.notes:
        err.print(note, markup=False)
    test = dataset.subset("test")
    probabilities = predict(classifier, test, options.batch_size, options.tta)
    name = [classifier.path.absolute().parent.name, classifier.path.name]
    name += [options.tta] if options.tta else []
    name += [prior_text(options.prior)] if options.prior else []
    folder = options.output or Path("runs", "evaluate", "-".join(name))
    details = {"model": str(options.model), "runtime": classifier.runtime}
    if options.tta:
        details["test-time augmentation"] = _TTA[options.tta]
    if options.prior:
        details["prior"] = prior_text(options.prior)
    if classifier.runtime == "keras":
        details["backend"] = os.environ["KERAS_BACKEND"]
    trained_on = TrainingData.of_config(run_config(classifier.path.parent))
    copies = copies_of_train(dataset, test, trained_on)
    evaluations = write_report(folder, classifier.path.name, test, probabilities, details, trained_on, copies)
    print_table(_summary(evaluations), optional=["without copies", "ECE"])
    out.print(f"report: {folder / 'evaluation.md'}", markup=False)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Measure a model on the labelled test images and write a report.")
    parser.add_argument("model", metavar="MODEL", help="a .keras, .onnx or .tflite file, or a name as in the manifest")
    parser.add_argument(
        "--data",
        type=Path,
        help="images with the model's classes: a folder, zip or CSV (default: the bundled sample; for classes "
        "of your own, what the model was trained on)",
    )
    parser.add_argument("--crop", choices=CROPS, help=f"{CROP_HELP} (default: as in the model's training)")
    parser.add_argument("--ferplus", type=Path, metavar="CSV", help="FER+'s votes, for a model of its expressions")
    parser.add_argument("--backend", choices=BACKENDS, help="Keras backend, for a .keras model")
    parser.add_argument("--threads", type=int, default=cores(), help="CPU threads (default: %(default)s)")
    parser.add_argument("--batch-size", type=int, help="images in one call; else 16, of a Keras model 256")
    parser.add_argument(
        "--tta",
        choices=tuple(_TTA),
        help="test-time augmentation: average predictions for views of each image",
    )
    parser.add_argument("--mirror", dest="tta", action="store_const", const="mirror", help="the same as --tta mirror")
    add_prior_option(parser)
    parser.add_argument(
        "--output", type=Path, metavar="DIR", help="default: runs/evaluate/<folder>-<file> of the model"
    )
    return parser


def _summary(evaluations: dict[str, Evaluation]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("split", no_wrap=True)
    for heading in ("images", "accuracy", "95 % interval", "macro-F1", "ECE", "without copies"):
        table.add_column(heading, justify="right", no_wrap=True)
    for split, evaluation in evaluations.items():
        low, high = evaluation.accuracy_interval
        rest = evaluation.without_train_copies
        table.add_row(
            split,
            f"{evaluation.n:,}",
            f"{evaluation.accuracy:.2%}",
            f"{low:.1%} to {high:.1%}",
            f"{evaluation.macro_f1:.3f}",
            f"{evaluation.ece:.3f}",
            f"{rest['accuracy']:.2%}" if rest else "",
        )
    return table
