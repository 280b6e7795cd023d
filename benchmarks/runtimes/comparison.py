"""The predictions of a runtime beside those of the zoo's own."""

from __future__ import annotations

import threading
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from fer_zoo.cpu import cores
from fer_zoo.data import Dataset, load_labelled
from fer_zoo.errors import FerZooError
from fer_zoo.files import temporary_folder
from fer_zoo.inference import load_classifier
from fer_zoo.zoo import Artifact, local_path

from ..latency.keras_process import KerasProcess
from ..options import Options, evenly, file_problem
from ..rows import ModelFile
from . import variants
from .process import Job, Limits, run_job
from .registry import Runtime
from .rows import LOWEST_AGREEMENT, RuntimeResult

_SEED = 48


def in_order(test: Dataset, count: int | None) -> Dataset:
    """At most `count` test images, evenly chosen, in a random but fixed order: the first ones are a fair sample."""
    chosen = evenly(test, count)
    return chosen.take(np.random.default_rng(_SEED).permutation(len(chosen)))


class Comparison:
    """The test images, and the probabilities that the zoo's own runtimes compute for them; threads may share it.

    Args:
        options: The files and images, and the folder of the report.
        test: FER2013's test images, as `in_order` returns them.
        limits: Limits for images and time.
        folder: Where the images are written for the processes of the runtimes, once for each set of labels.
    """

    def __init__(self, options: Options, test: Dataset, limits: Limits, folder: Path) -> None:
        self._options = options
        self._limits = limits
        self._folder = folder
        self._images: dict[tuple[str, ...], Path] = {}
        self._labelled = {test.expressions: test}
        self._references: dict[str, np.ndarray] = {}
        self._lock = threading.Lock()
        self._reference_locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def row(self, artifact: Artifact, runtime: Runtime, environment: Path, core: int | None = None) -> RuntimeResult:
        """The row of a file in a runtime that is installed in `environment` and has one core."""
        file = ModelFile.of(artifact)
        if problem := file_problem(artifact, self._options.artifacts):
            return RuntimeResult(file, runtime.name, "refused", problem)
        test, images = self._test_images(artifact)
        path = local_path(artifact, self._options.artifacts)
        with temporary_folder(self._options.output) as folder:
            try:
                model = getattr(variants, runtime.variant)(artifact, path, folder) if runtime.variant else path
            except FerZooError as error:
                return RuntimeResult(file, runtime.name, "refused", str(error))
            facts = run_job(Job(runtime, environment, model, path, artifact.format, images, folder, core), self._limits)
            if "error" in facts:
                return RuntimeResult(file, runtime.name, "refused", facts["error"])
            single, batched = (_probabilities(folder / name, artifact) for name in ("single.f32", "batched.f32"))
        if single is None:
            return RuntimeResult(file, runtime.name, "compiled", **facts)
        reference = self._reference(artifact, max(len(single), 0 if batched is None else len(batched)))
        return _compared(RuntimeResult(file, runtime.name, "right"), facts, single, batched, reference, test)

    def _reference(self, artifact: Artifact, count: int) -> np.ndarray:
        """The probabilities in the zoo's own runtime of at least the first `count` images, float32 `[n, classes]`."""
        with self._lock:
            lock = self._reference_locks[artifact.path]
        with lock:
            known = self._references.get(artifact.path)
            if known is None or len(known) < count:
                few = self._limits.single_images or count
                images = self._test_images(artifact)[0].images[: few if count <= few else None]
                path = local_path(artifact, self._options.artifacts)
                known = self._references[artifact.path] = _own_probabilities(artifact, path, images)
            return known

    def _test_images(self, artifact: Artifact) -> tuple[Dataset, Path]:
        """The test images with labels of the classes that `artifact` predicts, and their file, raw `[n, 48, 48, 1]`."""
        labels = tuple(artifact.output["labels"])
        with self._lock:
            if labels not in self._labelled:
                test = load_labelled(self._options.data, labels).subset("test")
                self._labelled[labels] = in_order(test, self._options.images)
            test = self._labelled[labels]
            if labels not in self._images:
                path = self._images[labels] = self._folder / f"images{len(self._images)}.f32"
                test.images.astype(np.float32).tofile(path)
            return test, self._images[labels]


def _compared(
    row: RuntimeResult,
    facts: dict[str, Any],
    single: np.ndarray,
    batched: np.ndarray | None,
    reference: np.ndarray,
    test: Dataset,
) -> RuntimeResult:
    """`row` with what was measured: `single` and `batched` are probabilities of the first images of `test`."""
    labels = np.asarray(test.labels)
    difference = np.abs(single - reference[: len(single)]).max()
    measured = replace(
        row,
        n=len(single),
        agreement=_agreement(single, reference),
        # Probabilities that are not numbers count as the largest possible difference.
        max_abs_diff=float(difference) if np.isfinite(difference) else 1.0,
        accuracy=_accuracy(single, labels),
        reference_accuracy=_accuracy(reference[: len(single)], labels),
        **facts,
    )
    if batched is not None:
        measured = replace(
            measured,
            batch_n=len(batched),
            batch_agreement=_agreement(batched, reference),
            batch_accuracy=_accuracy(batched, labels),
        )
    agreements = [(measured.agreement, len(single)), (measured.batch_agreement, measured.batch_n)]
    right = all(_is_enough(agreement, n) for agreement, n in agreements if agreement is not None and n is not None)
    return replace(measured, status="right" if right else "wrong")


def _is_enough(agreement: float, n: int) -> bool:
    """Whether `n` images agree often enough; one image alone never decides, as in the gates of exported files."""
    return agreement >= LOWEST_AGREEMENT or round(n * (1 - agreement)) <= 1


def _agreement(probabilities: np.ndarray, reference: np.ndarray) -> float:
    return float(np.mean(probabilities.argmax(1) == reference[: len(probabilities)].argmax(1)))


def _accuracy(probabilities: np.ndarray, labels: np.ndarray) -> float:
    return float(np.mean(probabilities.argmax(1) == labels[: len(probabilities)]))


def _probabilities(path: Path, artifact: Artifact) -> np.ndarray | None:
    if not path.exists():
        return None
    return np.fromfile(path, np.float32).reshape(-1, len(artifact.output["labels"]))


def _own_probabilities(artifact: Artifact, path: Path, images: np.ndarray) -> np.ndarray:
    if artifact.format == "keras":
        process = KerasProcess(path, cores(), None)
        try:
            return process.predict_proba(images)
        finally:
            process.close()
    with load_classifier(path, threads=cores()) as classifier:
        return classifier.predict_proba(images)
