"""The models that are served: ONNX files of the zoo that a browser runs well, and your own."""

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
    verify_checksum,
)

PRECISIONS = ("fp32", "int8")

# Description of each task. A task is also the data set of a model's accuracy; accuracies of two tasks cannot be
# compared.
TASKS = {"FER2013": "seven expressions (FER2013)", "FER+": "eight expressions (FER+)"}

# The models of a built page if none are chosen: the default one and small ones of both tasks.
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
        """Address of the file, relative to the page."""
        return f"models/{self.artifact.path}"

    def verified_path(self) -> Path:
        """`path`, after checking that the file has the SHA-256 of the entry.

        Raises:
            FerZooError: The file has another checksum, or is missing.
        """
        return verify_checksum(self.path, self.artifact.sha256)


def chosen_models(references: Sequence[str]) -> list[ServedModel]:
    """The models that references name, in their order; of each model the most exact file first.

    Args:
        references: `NAME`, `NAME:onnx` or `NAME:onnx:int8` of the zoo, or paths as `own_files` takes them. A name
            without a precision means all ONNX files of that model.

    Raises:
        UsageError: There is no such model, or two models have the same name.
    """
    chosen: list[ServedModel] = []
    for text in references:
        if os.sep in text or Path(text).suffix in (".onnx", ".keras", ".tflite") or Path(text).is_dir():
            models = [ServedModel(artifact, path, own=True) for artifact, path in own_files(Path(text))]
        else:
            find_artifact(text, [a for a in load_manifest(absent=True) if a.format == "onnx"])
            find_file(text)  # Downloads a file if none of the model is on this machine.
            reference = Reference.parse(text)
            models = [model for model in served_models() if reference.covers(model.artifact.reference)]
        for model in models:
            same = next((other for other in chosen if other.name == model.name), None)
            if same is None:
                chosen.append(model)
            elif same.path.resolve() != model.path.resolve():
                raise UsageError(f"{model.path} and {same.path} have one name, {model.name}; rename the folder of one")
    return chosen


def built_models() -> list[ServedModel]:
    """The models of a built page if none are chosen: those of `BUILT` on this machine, else all of the zoo."""
    zoo = served_models()
    return [model for name in BUILT for model in zoo if model.name == name] or zoo


def served_models() -> list[ServedModel]:
    """All ONNX files of the zoo that are on this machine, sorted by name, each model's most exact file first.

    Raises:
        FerZooError: There is no such file.
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
    """Find a model by `NAME`, `NAME:onnx` or `NAME:onnx:int8`; without a precision, its most exact file.

    Raises:
        UsageError: There is no such model.
    """
    artifact = find_artifact(reference, [model.artifact for model in models])
    return next(model for model in models if model.artifact is artifact)


def default_model(models: list[ServedModel]) -> ServedModel:
    """The model for requests that name none: `DEFAULT_MODEL`, or the first of `models` if it is not among them."""
    return next((model for model in models if model.name == DEFAULT_MODEL), models[0])


@dataclass(frozen=True)
class ModelEntry:
    """A model that requests may name, with its accuracy on the test images of its task."""

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
    """The models, and the name of the default one, for requests that name none."""

    default: str
    models: list[ModelEntry]


def catalog(models: list[ServedModel], default: ServedModel) -> Catalog:
    """The response of `/v1/models`, which the page reads as `models.json`."""
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
