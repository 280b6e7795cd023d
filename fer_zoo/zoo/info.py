"""Facts about the zoo's trained models: labels, size, accuracy, latency, files."""

from __future__ import annotations

import json
from dataclasses import dataclass

from fer_zoo.errors import FerZooError
from fer_zoo.zoo.artifact import Artifact
from fer_zoo.zoo.find import unknown_model
from fer_zoo.zoo.manifest import artifacts_dir, load_manifest
from fer_zoo.zoo.paths import artifact_path
from fer_zoo.zoo.provenance import run_config


@dataclass(frozen=True)
class Latency:
    """Time to classify one face on one CPU thread, from the committed benchmark report.

    Attributes:
        p50_ms: Median in milliseconds.
        cpu: Processor that it was measured on.
    """

    p50_ms: float
    cpu: str


@dataclass(frozen=True)
class ModelInfo:
    """Facts about one trained model of the zoo, as `model_info` returns them and `fer-zoo models` prints them.

    Attributes:
        name: Name for `load_classifier` and `load_model`.
        architecture: Name for `build_model`, which builds the same network untrained.
        task: The labels it was trained on: `FER2013`, `FER+`, or `own images` for a model of your own that you
            published. Accuracies of two tasks cannot be compared.
        labels: The classes, in the order of the probabilities.
        params: Number of weights.
        macs: Multiply-accumulate operations for one image.
        accuracy: Accuracy of the Keras original, 0..1, by split: `test` (all test images), `public_test` and
            `private_test`. The best epoch and all settings were chosen on PublicTest.
        files: Its files, in the order Keras, ONNX, TFLite; `shipped` says which a clone of the project has.
        latency: Latency of the int8 ONNX file; `None` without a benchmark report (an installed package has none).
        license: SPDX expression for the weights, and other terms that apply to them.

    Examples:
        >>> from fer_zoo import model_info
        >>> info = model_info("fernet_tiny")
        >>> info.task, len(info.labels), info.params
        ('FER2013', 7, 180807)
        >>> info.file("onnx", "int8").path
        'fernet_tiny/model.int8.onnx'
    """

    name: str
    architecture: str
    task: str
    labels: tuple[str, ...]
    params: int
    macs: int
    accuracy: dict[str, float]
    files: tuple[Artifact, ...]
    latency: Latency | None
    license: str

    def file(self, format: str, precision: str) -> Artifact | None:
        """The model's file of this format and precision, or `None`."""
        return next((file for file in self.files if (file.format, file.precision) == (format, precision)), None)


def trained_models() -> list[ModelInfo]:
    """Every trained model of the zoo, sorted by name, whether its files are on this machine or not.

    Raises:
        FerZooError: The manifest or a report cannot be read.
    """
    files = load_manifest(absent=True)
    names = dict.fromkeys(file.model for file in files)
    latencies = _latencies()
    return [_info(name, tuple(file for file in files if file.model == name), latencies) for name in names]


def model_info(name: str) -> ModelInfo:
    """Facts about one trained model: labels, size, accuracy, latency, files.

    Args:
        name: One of `list_models(pretrained=True)`.

    Raises:
        UsageError: There is no such trained model; the message suggests similar names.

    Examples:
        >>> from fer_zoo import model_info
        >>> model_info("fernet_base_ferplus").labels[-1]
        'contempt'
    """
    models = {model.name: model for model in trained_models()}
    if name not in models:
        raise unknown_model(str(name), models)
    return models[name]


def _info(name: str, files: tuple[Artifact, ...], latencies: dict[str, Latency]) -> ModelInfo:
    original = files[0]
    labels = tuple(original.output["labels"])
    config = run_config(artifact_path(original, artifacts_dir()).parent)
    int8 = next((file for file in files if (file.format, file.precision) == ("onnx", "int8")), None)
    return ModelInfo(
        name=name,
        architecture="ensemble" if "members" in config else config.get("training", {}).get("model", name),
        task=original.task,
        labels=labels,
        params=original.params,
        macs=original.macs,
        accuracy={split: measures["accuracy"] for split, measures in original.metrics.items()},
        files=files,
        latency=latencies.get(int8.path) if int8 else None,
        license=original.license,
    )


def _latencies() -> dict[str, Latency]:
    """The latency of each file by its path: one face in ONNX Runtime on one thread."""
    path = artifacts_dir() / "reports" / "latency.json"
    if not path.is_file():
        return {}
    conditions = {"runtime": "onnxruntime", "batch": 1, "threads": 1}
    try:
        report = json.loads(path.read_text("utf-8"))
        return {
            row["path"]: Latency(float(row["p50_ms"]), str(report["machine"]["cpu"]))
            for row in report["rows"]
            if conditions.items() <= row.items()
        }
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise FerZooError(f"{path} is not a table of latencies ({error!r}); restore it or remove it") from error
