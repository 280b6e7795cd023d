"""Convert, quantize, check parity on the whole test set, and only then publish."""

from __future__ import annotations

import json
import math
import os
import shlex
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from rich.progress import Progress
from rich.table import Table

from fer_zoo import __version__, console
from fer_zoo.cpu import cores
from fer_zoo.data import Dataset, TrainingData, copies_of_train, labelled_as, load_dataset
from fer_zoo.errors import FerZooError, UsageError
from fer_zoo.evaluation import Evaluation, evaluate_splits, write_report
from fer_zoo.evaluation.parity import Parity, compare, failures
from fer_zoo.expressions import EXPRESSIONS, FERPLUS_EXPRESSIONS, IMAGE_SIZE, expressions_of
from fer_zoo.files import sha256, write_text
from fer_zoo.inference import load_classifier
from fer_zoo.models.keras_file import oldest_keras
from fer_zoo.models.macs import count_macs
from fer_zoo.models.weights import origin
from fer_zoo.tables import print_table
from fer_zoo.zoo import Artifact, artifacts_dir, fine_tuned, load_manifest, read_keras, run_config, update_manifest

from . import metadata
from .card import write_card
from .convert import to_onnx, to_tflite
from .folding import fold
from .plots import plot_parity
from .quantization import prepare, prepare_half
from .quantize import onnx_int8, tflite_int8

# What a training run leaves beside model.keras that belongs to the model.
_RUN_FILES = ("config.json", "history.csv", "history.json", "curves.png")
_SEED = 2025
# Bytes above which a file is not kept in git; the manifest says so, and anybody can make it again: an export from the
# original, the original of an ensemble from its members.
_MOST_SHIPPED, _MOST_SHIPPED_ORIGINAL = 11_000_000, 20_000_000
# The folder for phones within a model's folder: `export.mobile`.
MOBILE = "mobile"


@dataclass(frozen=True)
class Target:
    """One file to write: format, precision and name."""

    format: str
    precision: str
    file: str


TARGETS = (
    Target("onnx", "fp32", "model.onnx"),
    Target("onnx", "int8", "model.int8.onnx"),
    Target("tflite", "fp32", "model.tflite"),
    Target("tflite", "fp16", "model.fp16.tflite"),
    Target("tflite", "int8", "model.int8.tflite"),
)
_ORDER = ("model.keras", *(target.file for target in TARGETS))


def publish(
    source: Path,
    output: Path | None = None,
    data: str | None = None,
    calibration_images: int = 512,
    formats: tuple[str, ...] = ("onnx", "tflite"),
    ferplus: Path | None = None,
    leave_out: tuple[str, ...] = (),
) -> list[Artifact]:
    """Export a trained model and publish it if every file passes its parity gate.

    Everything is made in a temporary folder beside the output, so that a failure at any point leaves the output and
    the manifest as they were.

    Args:
        source: A `model.keras` on the zoo's contract; the other files of its run are published with it.
        output: Folder inside the artifacts folder; `artifacts/<model name>` where not given.
        data: Folder, zip or CSV; `None` is the bundled sample. Parity is measured on all its test images.
        calibration_images: Train images that static quantization is calibrated on.
        formats: `onnx`, `tflite` or both.
        ferplus: FER+'s votes, which are the labels of a model of eight expressions.
        leave_out: Files not to write, each `format:precision`.

    Returns:
        The manifest's entries, the Keras original first.

    Raises:
        FerZooError: The model does not fit the contract, or a gate is missed; nothing is published then.
    """
    model = load_model(source)
    dataset = dataset_for(model, data, ferplus)
    test = dataset.subset("test")
    root = (output.parent if output else artifacts_dir()).resolve()
    output = (output or root / model.name).resolve()
    root.mkdir(parents=True, exist_ok=True)
    targets = [t for t in TARGETS if t.format in formats and f"{t.format}:{t.precision}" not in leave_out]
    others = _others(source, output, root, targets)
    with tempfile.TemporaryDirectory(dir=root, prefix=".exporting-") as temporary, console.progress() as bar:
        folder = Path(temporary) / output.name
        folder.mkdir()
        shutil.copyfile(source, folder / "model.keras")
        facts = facts_of(model, source)
        settings = _write_files(model, folder, dataset, targets, calibration_images, facts, bar)
        reference = model.predict(_batch(test.images), batch_size=256, verbose=0)
        trained_on = TrainingData.of_config(run_config(source.parent))
        copies = copies_of_train(dataset, test, trained_on)
        report = write_report(folder, model.name, test, reference, {"file": "model.keras"}, trained_on, copies)
        parities, evaluations = {}, {"model.keras": report}
        for target in bar.track(targets, description="parity"):
            with console.native_stderr_silenced():
                classifier = load_classifier(folder / target.file, threads=cores())
                probabilities = classifier.predict_proba(test.images)
            parities[target.file] = compare(reference, probabilities, test.labels)
            evaluations[target.file] = evaluate_splits(test, probabilities, copies)
        _show(targets, parities, folder)
        missed = [
            f"{target.file}: {failure}"
            for target in targets
            for failure in failures(parities[target.file], target.precision)
        ]
        if missed:
            raise FerZooError(f"nothing was published, parity gates are missed: {'; '.join(missed)}")
        for name in _RUN_FILES:
            if (source.parent / name).exists():
                shutil.copyfile(source.parent / name, folder / name)
        artifacts = _artifacts(model, output, root, folder, targets, facts, settings, parities, evaluations) + others
        artifacts.sort(key=lambda artifact: _ORDER.index(Path(artifact.path).name))
        plot_parity(folder / "parity.png", artifacts)
        write_card(folder, artifacts, report)
        _leave_out_of_git(folder, artifacts)
        _move(folder, output)
    remove_outdated_mobile(output, source)
    update_manifest(artifacts, root)
    console.out.print(f"published {1 + len(targets)} files in {output}")
    for artifact in artifacts:
        if not artifact.shipped:
            console.out.print(f"{artifact.path} is large: git leaves it out, and the same command makes it again")
    return artifacts


def _others(source: Path, output: Path, root: Path, targets: list[Target]) -> list[Artifact]:
    """What the manifest has of exports in `output` that are not written anew, which must be of the same original."""
    written = {f"{output.name}/{target.file}" for target in targets}
    present = [a for a in load_manifest(root, absent=True) if a.path.startswith(f"{output.name}/")]
    others = [a for a in present if a.format != "keras" and a.path not in written]
    if others and any(a.format == "keras" and a.sha256 != sha256(source) for a in present):
        names = ", ".join(a.path for a in others)
        raise UsageError(
            f"{output} would keep {names} of another model.keras; export all formats, or to another --output"
        )
    return others


def remove_outdated_mobile(output: Path, source: Path) -> None:
    """Remove files for phones from `output` that were made of another Keras original than `source`."""
    folder = output / MOBILE
    facts = folder / "mobile.json"
    if facts.exists() and json.loads(facts.read_text())["sha256_of_keras_original"] != sha256(source):
        shutil.rmtree(folder)
        console.out.print(f"removed {folder}, of another model; make it again: python -m export --target mobile")


def load_model(path: Path) -> keras.Model:
    """Load a `.keras` file and hold it against the zoo's contract.

    Raises:
        FerZooError: The file is missing, is no Keras model, or has another input or output.
    """
    if not path.is_file():
        raise FerZooError(f"{path} does not exist; train a model first: python -m fer_zoo.train")
    model = read_keras(path)
    shapes = (model.input_shape, model.output_shape)
    expected = ((None, IMAGE_SIZE, IMAGE_SIZE, 1), (None, len(EXPRESSIONS)))
    if shapes not in (expected, (expected[0], (None, len(FERPLUS_EXPRESSIONS)))):
        raise FerZooError(
            f"{path} maps {shapes[0]} to {shapes[1]}; the zoo's models map {expected[0]} to {expected[1]}"
        )
    return model


def dataset_for(model: keras.Model, data: str | None, ferplus: Path | None) -> Dataset:
    """The images, with the labels of the expressions that `model` tells.

    Raises:
        UsageError: The data cannot be read, or the model tells FER+'s eight and `ferplus` is `None`.
    """
    dataset = load_dataset(data)
    for note in dataset.notes:
        console.out.print(note)
    return labelled_as(dataset, expressions_of(model.output_shape[1]), ferplus)


def _write_files(
    model: keras.Model,
    folder: Path,
    dataset: Dataset,
    targets: list[Target],
    calibration_images: int,
    facts: dict[str, Any],
    bar: Progress,
) -> dict[str, dict[str, Any]]:
    """Write every target; returns how each int8 file was quantized."""
    images, _ = calibration_sample(dataset, calibration_images)
    folded = fold(model)
    formats = [target.format for target in targets if target.precision == "int8"]
    prepared = prepare(folded, images, formats) if formats else {}
    settings: dict[str, dict[str, Any]] = {}
    for target in bar.track(targets, description="writing"):
        path = folder / target.file
        if target.precision == "int8":
            write = onnx_int8 if target.format == "onnx" else tflite_int8
            write(prepared[target.format], path, images)
        elif target.format == "onnx":
            to_onnx(folded, path)
        else:
            half = target.precision == "fp16"
            to_tflite(prepare_half(folded, images) if half else folded, path, half)
        if target.precision == "int8":
            settings[target.file] = {"calibration": "minmax", "images": len(images)}
    for target in targets:
        metadata.write(folder / target.file, facts | {"format": target.format, "precision": target.precision})
    return settings


def calibration_sample(dataset: Dataset, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Train images drawn without regard to class, as the model will meet them.

    Returns:
        Images, float32 `[count, 48, 48, 1]` in 0..255, and their labels, integer `[count]`.
    """
    training = dataset.subset("train")
    order = np.sort(np.random.default_rng(_SEED).permutation(len(training))[:count])
    return _batch(training.images[order]), np.asarray(training.labels)[order]


def _batch(images: np.ndarray) -> np.ndarray:
    return images[..., None].astype(np.float32)


def facts_of(model: keras.Model, source: Path) -> dict[str, Any]:
    """What every file says of itself."""
    config = run_config(source.parent)
    return {
        "model": model.name,
        "labels": list(expressions_of(model.output_shape[1])),
        "input": {
            "name": "image",
            "shape": [None, IMAGE_SIZE, IMAGE_SIZE, 1],
            "dtype": "float32",
            "range": [0, 255],
            "layout": "NHWC",
        },
        "output": {"name": "probabilities"},
        "sha256_of_keras_original": sha256(source),
        "trained_on": config.get("backend", "unknown"),
        "license": _license(model.name, config),
        "made_by": f"fer_zoo {__version__}",
    }


def _license(name: str, config: dict[str, Any]) -> str:
    """Of the weights: those that were fine-tuned have the terms of what they started from, too."""
    alone = {"model": name, "fine_tuned": fine_tuned(config)}
    tuned = [member["model"] for member in config.get("members", [alone]) if member["fine_tuned"]]
    origins = dict.fromkeys(origin(member.removesuffix("_ferplus")) for member in tuned)
    return f"MIT; fine-tuned from {'; '.join(origins)}" if origins else "MIT"


def _artifacts(
    model: keras.Model,
    output: Path,
    root: Path,
    folder: Path,
    targets: list[Target],
    facts: dict[str, Any],
    settings: dict[str, dict[str, Any]],
    parities: dict[str, Parity],
    evaluations: dict[str, dict[str, Evaluation]],
) -> list[Artifact]:
    config = run_config(folder)
    command = shlex.join(["python", "-m", "export", *sys.argv[1:]])
    # Nobody could make the original of a trained model again.
    most_original = _MOST_SHIPPED_ORIGINAL if config.get("members") else math.inf

    def artifact(target: Target) -> Artifact:
        path = folder / target.file
        parity = parities.get(target.file)
        return Artifact(
            model=model.name,
            format=target.format,
            precision=target.precision,
            path=(output.relative_to(root) / target.file).as_posix(),
            sha256=sha256(path),
            bytes=path.stat().st_size,
            params=model.count_params(),
            macs=count_macs(model),
            trained_on=facts["trained_on"],
            output={"name": "probabilities", "labels": facts["labels"]},
            metrics={split: _metrics(evaluation) for split, evaluation in evaluations[target.file].items()},
            parity={"reference": (output.relative_to(root) / "model.keras").as_posix(), **parity.to_json()}
            | settings.get(target.file, {})
            if parity
            else {},
            license=facts["license"],
            source=command if parity else config.get("command", ""),
            commit=config.get("commit") or "",
            oldest_keras=oldest_keras(path) if target.format == "keras" else "",
            shipped=path.stat().st_size <= (_MOST_SHIPPED if parity else most_original),
        )

    return [artifact(target) for target in (Target("keras", "fp32", "model.keras"), *targets)]


def _leave_out_of_git(folder: Path, artifacts: list[Artifact]) -> None:
    names = [Path(artifact.path).name for artifact in artifacts if not artifact.shipped]
    if names:
        write_text(folder / ".gitignore", "".join(f"/{name}\n" for name in names))


def _metrics(evaluation: Evaluation) -> dict[str, Any]:
    return {
        "n": evaluation.n,
        "accuracy": evaluation.accuracy,
        "accuracy_interval": list(evaluation.accuracy_interval),
        "macro_f1": evaluation.macro_f1,
        "ece": evaluation.ece,
    }


def _show(targets: list[Target], parities: dict[str, Parity], folder: Path) -> None:
    table = Table(
        "file", "kB", "agreement", "max |Δp|", "mean |Δp|", "Δ accuracy", "Δ macro-F1", "gate", box=None, pad_edge=False
    )
    for target in targets:
        parity = parities[target.file]
        missed = failures(parity, target.precision)
        table.add_row(
            target.file,
            f"{(folder / target.file).stat().st_size / 1000:.0f}",
            f"{parity.argmax_agreement:.2%}",
            f"{parity.max_abs_diff:.2g}",
            f"{parity.mean_abs_diff:.2g}",
            f"{100 * parity.accuracy_delta:+.2f}",
            f"{100 * parity.macro_f1_delta:+.2f}",
            "MISSED" if missed else "passed",
            style="red" if missed else None,
        )
    print_table(table, optional=["mean |Δp|", "kB"])


def _move(folder: Path, output: Path) -> None:
    """Put every file in its place by a rename; the folder itself may hold others that stay."""
    output.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        os.replace(path, output / path.name)
