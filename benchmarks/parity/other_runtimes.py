"""The same files on other Keras backends and in other runtimes, against the same predictions of the original."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from fer_zoo.cpu import cores
from fer_zoo.errors import FerZooError
from fer_zoo.evaluation.parity import compare, failures
from fer_zoo.inference import load_classifier
from fer_zoo.zoo import Artifact

from ..latency.keras_process import OtherProcess


def elsewhere(
    artifact: Artifact,
    path: Path,
    reference: np.ndarray,
    images: np.ndarray,
    labels: np.ndarray,
    *,
    backends: tuple[str, ...],
    runtimes: tuple[str, ...],
) -> list[dict[str, Any]]:
    """Run a file where it is not usually run.

    Args:
        artifact: An original, which runs on `backends`, or an export, which runs in `runtimes`.
        path: Its file.
        reference: float32 `[n, 7]` of the Keras original.
        images: uint8 `[n, 48, 48]`.
        labels: Integer `[n]`.
        backends: Keras backends, each in a process of its own.
        runtimes: Names for `load_classifier`.

    Returns:
        Of each its name as `where`, its `status` (`passed`, `failed` or `error`), and `parity` with the `missed` gates,
        or the `error`.
    """
    rows: list[dict[str, Any]] = []
    for where, predict in _places(artifact, path, images, backends, runtimes):
        try:
            parity = compare(reference, predict(), labels)
        except FerZooError as error:
            rows.append({"where": where, "status": "error", "error": str(error)})
            continue
        missed = failures(parity, artifact.precision)
        status = "failed" if missed else "passed"
        rows.append({"where": where, "status": status, "missed": missed, "parity": parity.to_json()})
    return rows


def places(artifact: Artifact, backends: tuple[str, ...], runtimes: tuple[str, ...]) -> list[str]:
    """The name of each place that `elsewhere` runs a file in, its `where`.

    An original that does not ship is an ensemble, whose members run on every backend themselves.
    """
    if artifact.format != "keras":
        return list(runtimes)
    return [f"Keras on {backend}" for backend in backends] if artifact.shipped else []


def _places(
    artifact: Artifact, path: Path, images: np.ndarray, backends: tuple[str, ...], runtimes: tuple[str, ...]
) -> Iterator[tuple[str, Callable[[], np.ndarray]]]:
    names = places(artifact, backends, runtimes)
    if artifact.format == "keras":
        for name, backend in zip(names, backends, strict=False):
            yield name, lambda backend=backend: _on_backend(path, backend, images)  # type: ignore[misc]
    else:
        for name in runtimes:
            yield name, lambda name=name: load_classifier(path, threads=cores(), runtime=name).predict_proba(images)  # type: ignore[misc]


def _on_backend(path: Path, backend: str, images: np.ndarray) -> np.ndarray:
    process = OtherProcess(path, cores(), backend)
    try:
        return process.predict_proba(images)
    finally:
        process.close()
