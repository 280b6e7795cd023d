"""Runs files on other Keras backends and in other runtimes, and compares them with the same predictions."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fer_zoo.cpu import cores
from fer_zoo.errors import FerZooError
from fer_zoo.evaluation.parity import compare, failures
from fer_zoo.inference import load_classifier
from fer_zoo.zoo import Artifact

from ..latency.keras_process import KerasProcess
from .rows import RuntimeRow

_KERAS = "Keras on "


def runtimes_for(artifact: Artifact, backends: tuple[str, ...], runtimes: tuple[str, ...]) -> list[str]:
    """The names of the other backends or runtimes that can run a file.

    An original that does not ship is an ensemble; its members are run on every backend instead.
    """
    if artifact.format != "keras":
        return list(runtimes)
    return [f"{_KERAS}{backend}" for backend in backends] if artifact.shipped else []


def compare_in_runtime(
    name: str, artifact: Artifact, path: Path, reference: np.ndarray, images: np.ndarray, labels: np.ndarray
) -> RuntimeRow:
    """Run a file with a backend or runtime and compare its predictions with the original's.

    Args:
        name: One of `runtimes_for`.
        artifact: An original or an export.
        path: Its file.
        reference: float32 `[n, classes]` of the Keras original.
        images: uint8 `[n, 48, 48]`.
        labels: Integer `[n]`, the right classes.
    """
    try:
        if name.startswith(_KERAS):
            probabilities = keras_probabilities(path, images, name.removeprefix(_KERAS))
        else:
            probabilities = load_classifier(path, threads=cores(), runtime=name).predict_proba(images)
        parity = compare(reference, probabilities, labels, artifact.output["labels"])
    except FerZooError as error:
        return RuntimeRow(name, "error", error=str(error))
    missed = tuple(failures(parity, artifact.precision))
    return RuntimeRow(name, "failed" if missed else "passed", missed, parity)


def keras_probabilities(path: Path, images: np.ndarray, backend: str | None = None) -> np.ndarray:
    """The predictions of a `.keras` file, computed in a process of its own; `None` is the default backend."""
    process = KerasProcess(path, cores(), backend)
    try:
        return process.predict_proba(images)
    finally:
        process.close()
