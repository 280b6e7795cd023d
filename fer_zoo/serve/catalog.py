"""The models that are served: ONNX files of the zoo that a browser runs well, and those of one's own."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fer_zoo.contract import translated
from fer_zoo.errors import FerZooError, UsageError
from fer_zoo.inference import DEFAULT_MODEL
from fer_zoo.serve.own import own_files
from fer_zoo.zoo import (
    Artifact,
    Reference,
    artifacts_dir,
    find_artifact,
    find_file,
    load_manifest,
    local_path,
    verified,
)

PRECISIONS = ("fp32", "int8")

# By a model's task, which is also the data set of its accuracy. Accuracies compare within one only.
TASKS = {"FER2013": "seven expressions (FER2013)", "FER+": "eight expressions (FER+)"}

# What a built page has where no model is chosen: small ones of either task.
BUILT = (DEFAULT_MODEL, "fernet_tiny:onnx:int8", "fernet_nano:onnx:int8", "fernet_base_ferplus:onnx:int8")


@dataclass(frozen=True)
class ServedModel:
    """A model file and its entry in a manifest, whose reference is the model's name; `own` if it is not the zoo's."""

    artifact: Artifact
    path: Path
    own: bool = False

    @property
    def name(self) -> str:
        return str(self.artifact.reference)

    @property
    def address(self) -> str:
        """Where the page finds the file, relative to the page."""
        return f"models/{self.artifact.path}"

    def verified_path(self) -> Path:
        """`path`, whose content has the SHA-256 of the entry.

        Raises:
            FerZooError: It has another one, or is missing.
        """
        return verified(self.path, self.artifact.sha256)


def chosen_models(references: Sequence[str]) -> list[ServedModel]:
    """The models that references name, the first one's exact file first.

    Args:
        references: `NAME`, `NAME:onnx` or `NAME:onnx:int8` of the zoo, or paths as `own_files` takes them. A name
            without a precision means all ONNX files of that model.

    Raises:
        UsageError: There is no such model, or two have one name.
    """
    chosen: list[ServedModel] = []
    for text in references:
        if os.sep in text or Path(text).suffix in (".onnx", ".keras", ".tflite") or Path(text).is_dir():
            found = [ServedModel(artifact, path, own=True) for artifact, path in own_files(Path(text))]
        else:
            find_artifact(text, [a for a in load_manifest(absent=True) if a.format == "onnx"])
            find_file(text)  # Downloads one where none of the model is on this machine.
            wanted = Reference.parse(text)
            found = [model for model in served_models() if wanted.covers(model.artifact.reference)]
        for model in found:
            same = next((other for other in chosen if other.name == model.name), None)
            if same is None:
                chosen.append(model)
            elif same.path.resolve() != model.path.resolve():
                raise UsageError(f"{model.path} and {same.path} have one name, {model.name}; rename the folder of one")
    return chosen


def built_models() -> list[ServedModel]:
    """What a page is built with where no model is chosen: those of `BUILT` that are there, else all."""
    zoo = served_models()
    return [model for name in BUILT for model in zoo if model.name == name] or zoo


def served_models() -> list[ServedModel]:
    """All ONNX files of the zoo that are on this machine, sorted by name, each model's exact file first.

    Raises:
        FerZooError: There is none.
    """
    folder = artifacts_dir()
    models = [
        ServedModel(artifact, local_path(artifact, folder))
        for artifact in load_manifest(folder)
        if artifact.format == "onnx" and artifact.precision in PRECISIONS
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


@dataclass(frozen=True)
class ModelEntry:
    """A model that can be asked for: what it is, and what was measured of it on its own task's test images."""

    name: str
    model: str
    precision: str
    task: str
    file: str
    bytes: int
    sha256: str
    params: int
    macs: int
    data_set: str | None
    accuracy: float | None
    accuracy_interval: list[float] | None
    test_images: int | None
    labels: list[str]
    labels_indonesian: list[str]
    license: str


@dataclass(frozen=True)
class Catalog:
    """The models, and which one answers where none is asked for."""

    default: str
    models: list[ModelEntry]


def catalog(models: list[ServedModel], default: ServedModel) -> Catalog:
    """What `/v1/models` answers and the page reads as `models.json`."""
    return Catalog(default.name, [_entry(model) for model in models])


def _entry(model: ServedModel) -> ModelEntry:
    artifact = model.artifact
    labels = artifact.output["labels"]
    test = artifact.metrics.get("test", {})
    return ModelEntry(
        name=model.name,
        model=artifact.model,
        precision=artifact.precision,
        task="your own models" if model.own else TASKS.get(artifact.task, "your own models"),
        file=model.address,
        bytes=artifact.bytes,
        sha256=artifact.sha256,
        params=artifact.params,
        macs=artifact.macs,
        data_set=None if model.own or artifact.task not in TASKS else artifact.task,
        accuracy=test.get("accuracy"),
        accuracy_interval=test.get("accuracy_interval"),
        test_images=test.get("n"),
        labels=labels,
        labels_indonesian=list(translated(labels, "id")),
        license=artifact.license,
    )
