"""The models that are served: every ONNX file of the manifest that a browser runs well."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fer_zoo.errors import FerZooError
from fer_zoo.expressions import EXPRESSIONS, FERPLUS_EXPRESSIONS, LABELS
from fer_zoo.inference import DEFAULT_MODEL
from fer_zoo.zoo import Artifact, artifacts_dir, find_artifact, load_manifest

PRECISIONS = ("fp32", "int8")

# By a model's labels. Accuracies compare within one task only.
TASKS = {EXPRESSIONS: "seven expressions (FER2013)", FERPLUS_EXPRESSIONS: "eight expressions (FER+)"}


@dataclass(frozen=True)
class ServedModel:
    """A model file with the name that `load_classifier` knows it by."""

    artifact: Artifact
    path: Path

    @property
    def name(self) -> str:
        return str(self.artifact.reference)

    @property
    def address(self) -> str:
        """Where the page finds the file, relative to the page."""
        return f"models/{self.artifact.path}"


def served_models() -> list[ServedModel]:
    """Sorted by name, each model's exact file before its quantized one.

    Raises:
        FerZooError: There is none.
    """
    folder = artifacts_dir()
    models = [
        ServedModel(artifact, folder / artifact.path)
        for artifact in load_manifest(folder)
        if artifact.format == "onnx" and artifact.precision in PRECISIONS and (folder / artifact.path).is_file()
    ]
    if not models:
        raise FerZooError(f"there is no ONNX model in {folder}; restore it or run `python -m export`")
    return sorted(models, key=lambda m: (m.artifact.model, PRECISIONS.index(m.artifact.precision)))


def find_model(models: list[ServedModel], reference: str) -> ServedModel:
    """By `NAME`, `NAME:onnx` or `NAME:onnx:int8`; the exact file where the precision is left out.

    Raises:
        UsageError: There is no such model.
    """
    found = find_artifact(reference, [model.artifact for model in models])
    return next(model for model in models if model.artifact is found)


def default_model(models: list[ServedModel]) -> ServedModel:
    """The one that answers where none is asked for: `DEFAULT_MODEL`, the first where it is not there."""
    return next((model for model in models if model.name == DEFAULT_MODEL), models[0])


def catalog(models: list[ServedModel], default: ServedModel) -> dict[str, Any]:
    """What `/v1/models` answers and the page reads as `models.json`."""
    return {"default": default.name, "models": [_entry(model) for model in models]}


def _entry(model: ServedModel) -> dict[str, Any]:
    artifact = model.artifact
    labels = artifact.output["labels"]
    indonesian = dict(zip(FERPLUS_EXPRESSIONS, LABELS["id"], strict=True))
    test = artifact.metrics.get("test", {})
    return {
        "name": model.name,
        "model": artifact.model,
        "precision": artifact.precision,
        "task": TASKS.get(tuple(labels), f"{len(labels)} expressions"),
        "file": model.address,
        "bytes": artifact.bytes,
        "sha256": artifact.sha256,
        "params": artifact.params,
        "macs": artifact.macs,
        "accuracy": test.get("accuracy"),
        "accuracy_interval": test.get("accuracy_interval"),
        "test_images": test.get("n"),
        "labels": labels,
        "labels_indonesian": [indonesian.get(label, label) for label in labels],
        "license": artifact.license,
    }
