"""The files of an export, written to a temporary folder and compared with the Keras original on all test images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from rich.progress import Progress

from fer_zoo import __version__, console
from fer_zoo.contract import IMAGE_SIZE
from fer_zoo.cpu import cores
from fer_zoo.data import Dataset, TrainingData, copies_of_train
from fer_zoo.data.training_data import FER2013, OWN
from fer_zoo.errors import FerZooError, UsageError
from fer_zoo.evaluation import Evaluation, evaluate_splits
from fer_zoo.evaluation.model import images_for
from fer_zoo.evaluation.parity import Parity, compare
from fer_zoo.files import sha256
from fer_zoo.inference import load_classifier
from fer_zoo.models.macs import count_macs
from fer_zoo.models.weights import origin
from fer_zoo.zoo import Artifact, is_fine_tuned, labels_of, read_keras, run_config, training_prior, with_portable_paths
from fer_zoo.zoo.artifact import task_of
from fer_zoo.zoo.keras_file import oldest_keras

from . import metadata
from .convert import to_onnx
from .destination import Destination
from .folding import fold
from .gates import ParityCheck, check_gates
from .options import ExportOptions
from .quantization import Prepared, prepare, prepare_half
from .quantize import onnx_int8

_SEED = 2025
# Larger files of the zoo, in bytes, are not committed when they are new, since an export makes them again. The
# manifest records for each file whether it is.
_MAX_BYTES_IN_GIT = 1_000_000


@dataclass(frozen=True)
class Target:
    """One file to write: format, precision and name."""

    format: str
    precision: str
    file: str

    def __str__(self) -> str:
        return f"{self.format}:{self.precision}"


TARGETS = (
    Target("onnx", "fp32", "model.onnx"),
    Target("onnx", "int8", "model.int8.onnx"),
    Target("tflite", "fp32", "model.tflite"),
    Target("tflite", "fp16", "model.fp16.tflite"),
    Target("tflite", "int8", "model.int8.tflite"),
)
# Made on request.
MORE_TARGETS = (Target("tflite", "int8-full", "model.int8-full.tflite"),)
ALL_TARGETS = (*TARGETS, *MORE_TARGETS)


@dataclass(frozen=True, kw_only=True)
class ExportedFiles:
    """The files of an export in a temporary folder, all gates passed, and what was measured of them.

    Attributes:
        model: The Keras original.
        folder: Has the files and the `config.json` of the run.
        targets: The files besides the original.
        metadata: What is embedded in each file.
        quantization: How each int8 file was quantized, by file name.
        predictions: The original's probabilities of the test images, float32 `[n, classes]`.
        parities: The comparison with the original, by file name.
        evaluations: The measures of each split, by file name.
        training_data: What the original was trained on, `None` where nothing recorded it.
        train_copies: Which test images the original has seen in training: `fer_zoo.data.copies_of_train`.
        prior: The share of each class in training, `None` where it is not known.
        command: The command line of the export.
    """

    model: keras.Model
    folder: Path
    targets: list[Target]
    metadata: dict[str, Any]
    quantization: dict[str, dict[str, Any]]
    predictions: np.ndarray
    parities: dict[str, Parity]
    evaluations: dict[str, dict[str, Evaluation]]
    training_data: TrainingData | None
    train_copies: np.ndarray | None
    prior: tuple[float, ...] | None
    command: str

    def artifacts(self, destination: Destination) -> list[Artifact]:
        """The manifest's entries of the files in `destination`, the original first."""
        return [self._artifact(t, destination) for t in (Target("keras", "fp32", "model.keras"), *self.targets)]

    def _artifact(self, target: Target, destination: Destination) -> Artifact:
        config = run_config(self.folder)
        path = self.folder / target.file
        listed_folder = destination.folder.relative_to(destination.root)
        parity = self.parities.get(target.file)
        name = (listed_folder / target.file).as_posix()
        earlier = next((artifact for artifact in destination.entries() if artifact.path == name), None)
        return Artifact(
            model=self.model.name,
            format=target.format,
            precision=target.precision,
            path=name,
            sha256=sha256(path),
            bytes=path.stat().st_size,
            params=self.model.count_params(),
            macs=count_macs(self.model),
            trained_on=self.metadata["trained_on"],
            input=_input(target.precision),
            output={"name": "probabilities", "labels": self.metadata["labels"]}
            | ({"prior": list(self.prior)} if self.prior else {}),
            metrics={split: _metrics(evaluation) for split, evaluation in self.evaluations[target.file].items()},
            parity={"reference": (listed_folder / "model.keras").as_posix(), **parity.to_json()}
            | self.quantization.get(target.file, {})
            if parity
            else {},
            license=self.metadata["license"],
            source=with_portable_paths(self.command if parity else config.get("command", "")),
            commit=config.get("commit") or "",
            task=self.training_data.task if self.training_data else task_of(self.metadata["labels"]),
            oldest_keras=oldest_keras(path) if target.format == "keras" else "",
            shipped=earlier.shipped if earlier else not destination.in_zoo or _in_git(path, config),
        )


def export_files(
    model: keras.Model,
    source: Path,
    folder: Path,
    dataset: Dataset,
    targets: list[Target],
    options: ExportOptions,
    bar: Progress,
) -> ExportedFiles:
    """Write `targets` to `folder`, and compare each with the original on all test images.

    Raises:
        FerZooError: A file misses a parity gate, or gives no probabilities.
    """
    test = dataset.subset("test")
    training_data = TrainingData.of_config(run_config(source.parent))
    copies = copies_of_train(dataset, test, training_data)
    facts = facts_of(model, source)
    images, _ = calibration_sample(dataset, options.calibration_images)
    quantization = _write_files(model, folder, images, targets, facts, bar)
    predictions = model.predict(_batch(test.images), batch_size=256, verbose=0)
    parities, evaluations = {}, {"model.keras": evaluate_splits(test, predictions, copies)}
    for target in bar.track(targets, description="parity"):
        probabilities = _answers(folder / target.file, target, test.images)
        parities[target.file] = compare(predictions, probabilities, test.labels, test.expressions)
        evaluations[target.file] = evaluate_splits(test, probabilities, copies)
    check_gates([ParityCheck(folder / t.file, t.precision, parities[t.file]) for t in targets], options.report)
    return ExportedFiles(
        model=model,
        folder=folder,
        targets=targets,
        metadata=facts,
        quantization=quantization,
        predictions=predictions,
        parities=parities,
        evaluations=evaluations,
        training_data=training_data,
        train_copies=copies,
        prior=training_prior(source),
        command=options.command,
    )


def _answers(path: Path, target: Target, images: np.ndarray) -> np.ndarray:
    try:
        with console.native_messages_dropped():
            return load_classifier(path, threads=cores()).predict_proba(images)
    except FerZooError as error:
        fault = str(error).replace(str(path), path.name)  # Its folder is a temporary one.
        raise FerZooError(
            f"nothing was written: {fault}; the other files are written with --leave-out {target}"
        ) from error


def load_model(path: Path) -> keras.Model:
    """Load a `.keras` file whose input and output are those of the zoo's models.

    Raises:
        UsageError: There is no such file.
        FerZooError: It is no Keras model, or its input or output is another.
    """
    if not path.is_file():
        raise UsageError(f"{path} does not exist; train a model first: python -m fer_zoo.train")
    model = read_keras(path)
    shapes = (model.input_shape, model.output_shape)
    expected = (None, IMAGE_SIZE, IMAGE_SIZE, 1)
    if shapes[0] != expected or len(shapes[1]) != 2:
        raise FerZooError(f"{path} maps {shapes[0]} to {shapes[1]}; the zoo's models map {expected} to (None, classes)")
    return model


def dataset_for(model: keras.Model, source: Path, options: ExportOptions) -> Dataset:
    """The images to calibrate and to test on, labelled with the model's classes.

    Notes on them, such as how many images were left out, go to `options.report`.

    Args:
        model: The Keras original.
        source: Its file.
        options: Name the data.

    Raises:
        UsageError: The data cannot be read, or has no images of a class.
    """
    dataset = images_for(source, labels_of(source, model.output_shape[1]), options.data, options.ferplus)
    for note in dataset.notes:
        options.report(note)
    return dataset


def _write_files(
    model: keras.Model,
    folder: Path,
    images: np.ndarray,
    targets: list[Target],
    facts: dict[str, Any],
    bar: Progress,
) -> dict[str, dict[str, Any]]:
    """Write every target, calibrated on `images`.

    Returns:
        How each int8 file was quantized, by file name.
    """
    folded = fold(model)
    prepared = prepare(folded, images) if any(_writer(target) for target in targets) else None
    quantization: dict[str, dict[str, Any]] = {}
    for target in bar.track(targets, description="writing"):
        path = folder / target.file
        if prepared is not None and (write := _writer(target)):
            write(prepared, path, images)
            quantization[target.file] = {"calibration": "minmax", "images": len(images)}
        elif target.format == "onnx":
            to_onnx(folded, path)
        else:
            from .tflite import to_tflite

            half = target.precision == "fp16"
            to_tflite(prepare_half(folded, images) if half else folded, path, half)
    for target in targets:
        own = {"format": target.format, "precision": target.precision, "input": _input(target.precision)}
        metadata.write(folder / target.file, facts | own)
    return quantization


def _writer(target: Target) -> Callable[[Prepared, Path, np.ndarray], None] | None:
    """The function that writes an int8 target, `None` for a float one."""
    # Those of TFLite need TensorFlow, which an export of ONNX through torch does without.
    if str(target) == "onnx:int8":
        return onnx_int8
    if str(target) == "tflite:int8":
        from .tflite import tflite_int8

        return tflite_int8
    if str(target) == "tflite:int8-full":
        from .full_int8 import tflite_full_int8

        return tflite_full_int8
    return None


def _input(precision: str) -> dict[str, Any]:
    """The description of a file's input: name, shape, dtype, range and layout."""
    kind, lowest, highest = ("int8", -128, 127) if precision == "int8-full" else ("float32", 0, 255)
    shape = [None, IMAGE_SIZE, IMAGE_SIZE, 1]
    return {"name": "image", "shape": shape, "dtype": kind, "range": [lowest, highest], "layout": "NHWC"}


def calibration_sample(dataset: Dataset, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Images to calibrate on, drawn from train at random, so that classes are as frequent as there.

    Args:
        dataset: Has the split `train`.
        count: How many; all where there are fewer.

    Returns:
        Images, float32 `[count, 48, 48, 1]` in 0..255, and their labels, integer `[count]`.
    """
    training = dataset.subset("train")
    order = np.sort(np.random.default_rng(_SEED).permutation(len(training))[:count])
    return _batch(training.images[order]), np.asarray(training.labels)[order]


def _batch(images: np.ndarray) -> np.ndarray:
    return images[..., None].astype(np.float32)


def facts_of(model: keras.Model, source: Path) -> dict[str, Any]:
    """The metadata that every exported file carries: model, labels, input, training data, licence."""
    config = run_config(source.parent)
    trained_on = TrainingData.of_config(config)
    # Models of FER2013 do not record it, so that an export of the zoo's files gives the same bytes again.
    data = {} if trained_on is None or trained_on.kind == FER2013 else {"training_data": trained_on.name}
    # Nor do runs of earlier versions record the prior, for the same reason.
    recorded = "prior" in config or (trained_on is not None and trained_on.class_counts)
    prior = training_prior(source) if recorded else None
    return {
        "model": model.name,
        "labels": list(labels_of(source, model.output_shape[1])),
        "input": _input("fp32"),
        "output": {"name": "probabilities"},
        "sha256_of_keras_original": sha256(source),
        "trained_on": config.get("backend", "unknown"),
        **data,
        **({"prior": list(prior)} if prior else {}),
        "license": _license(model.name, config),
        "made_by": f"fer_zoo {__version__}",
    }


def _license(name: str, config: dict[str, Any]) -> str:
    """The licence of the weights; fine-tuned ones also have the terms of the weights they started from."""
    trained_on = TrainingData.of_config(config)
    own = "not stated" if trained_on and trained_on.kind == OWN else "MIT"
    alone = {"model": config.get("training", {}).get("model", name), "fine_tuned": is_fine_tuned(config)}
    tuned = [member for member in config.get("members", [alone]) if member["fine_tuned"]]
    origins = dict.fromkeys(origin(member.get("architecture", member["model"])) for member in tuned)
    return f"{own}; fine-tuned from {'; '.join(origins)}" if origins else own


def _in_git(path: Path, config: dict[str, Any]) -> bool:
    """Whether git keeps a new file of the zoo: it is small, or a trained original, which nobody can make again."""
    return path.stat().st_size <= _MAX_BYTES_IN_GIT or (path.suffix == ".keras" and not config.get("members"))


def _metrics(evaluation: Evaluation) -> dict[str, Any]:
    return {
        "n": evaluation.n,
        "accuracy": evaluation.accuracy,
        "accuracy_interval": list(evaluation.accuracy_interval),
        "macro_f1": evaluation.macro_f1,
        "ece": evaluation.ece,
    }
