"""Runs every file in every runtime that supports its format, each in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from fer_zoo.console import progress
from fer_zoo.cpu import cores
from fer_zoo.data import Dataset, load_dataset, load_labelled
from fer_zoo.errors import FerZooError
from fer_zoo.files import temporary_folder
from fer_zoo.inference import load_classifier
from fer_zoo.zoo import Artifact, load_manifest, local_path

from ..latency.keras_process import KerasProcess
from ..machine import describe, now
from ..options import Options, evenly, file_problem, manifest_of, select
from ..rows import ImageSet, ModelFile
from ..table import read_record, write_record
from .environment import environment
from .registry import OWN_RUNNERS, RUNTIMES, Runtime
from .rows import RuntimeResult, RuntimesReport

# The goal of the zoo for the agreement in every runtime that loads a file.
LOWEST_AGREEMENT = 0.98

_RUNNERS = Path(__file__).with_name("runners")


@dataclass(frozen=True)
class Limits:
    """How long one file may take in one runtime.

    Attributes:
        seconds: Seconds for predicting single images, and again for batches; the images predicted until then are
            evaluated.
        timed_seconds: Seconds for timing the file in turns with the zoo's own runtime.
        process_seconds: Seconds for its process as a whole.
    """

    seconds: float = 30.0
    timed_seconds: float = 1.0
    process_seconds: float = 300.0


def measure_runtimes(options: Options, runtimes: Sequence[Runtime], limits: Limits) -> RuntimesReport:
    """Run the selected files in `runtimes`, and write `runtimes.json` after each.

    Rows of an earlier run with the same files, images and packages on the same platform are reused, also for runtimes
    and files that are not selected.

    Args:
        options: The files and images, and the folder of the report.
        runtimes: The runtimes; each is installed when it is first used.
        limits: Limits for time.

    Raises:
        FerZooError: There are no artifacts or no test images.
    """
    manifest = manifest_of(options)
    selected = select(manifest, options.models)
    pairs = [(a, runtime) for runtime in runtimes for a in selected if a.format in runtime.formats]
    test = evenly(load_dataset(options.data).subset("test"), options.images)
    path = options.output / "runtimes.json"
    report = RuntimesReport(now(), describe(), ImageSet.of(test), {r.name: " ".join(r.installed) for r in RUNTIMES})
    earlier = () if options.fresh else _earlier(path, report)
    registered = load_manifest(options.artifacts, absent=True)
    current = {(artifact.path, artifact.sha256) for artifact in registered}
    rows = {(row.file.path, row.runtime): row for row in earlier if (row.file.path, row.file.sha256) in current}
    places = [(artifact.path, runtime.name) for runtime in RUNTIMES for artifact in registered]
    place = {key: number for number, key in enumerate(places)}
    with progress() as bar, temporary_folder(options.output) as images:
        comparison = _Comparison(options, test, limits, images)
        task = bar.add_task("runtimes", total=len(pairs))
        for artifact, runtime in pairs:
            bar.update(task, description=f"{runtime.name}: {artifact.name}")
            key = artifact.path, runtime.name
            if key not in rows:
                rows[key] = comparison.row(artifact, runtime)
                write_record(
                    path, replace(report, rows=tuple(rows[key] for key in sorted(rows, key=place.__getitem__)))
                )
            bar.advance(task)
    return replace(report, rows=tuple(rows[key] for key in sorted(rows, key=place.__getitem__)))


def _earlier(path: Path, report: RuntimesReport) -> tuple[RuntimeResult, ...]:
    """The rows of an earlier report that would be the same now."""
    earlier = read_record(path, RuntimesReport)
    if earlier is None or earlier.data != report.data or earlier.machine.platform != report.machine.platform:
        return ()
    same = {name for name, packages in earlier.runtimes.items() if report.runtimes.get(name) == packages}
    return tuple(row for row in earlier.rows if row.runtime in same and row.status != "not installed")


class _Comparison:
    """The test images, and the probabilities that the zoo's own runtimes compute for them.

    Args:
        options: The files and images, and the folder of the report.
        test: FER2013's test images.
        limits: Limits for time.
        folder: Where the images are written for the processes of the runtimes, once for each set of labels.
    """

    def __init__(self, options: Options, test: Dataset, limits: Limits, folder: Path) -> None:
        self._options = options
        self._limits = limits
        self._folder = folder
        self._images: dict[tuple[str, ...], Path] = {}
        self._labelled = {test.expressions: test}
        self._references: dict[str, np.ndarray] = {}

    def row(self, artifact: Artifact, runtime: Runtime) -> RuntimeResult:
        """The row of a file in a runtime."""
        file = ModelFile.of(artifact)
        if problem := file_problem(artifact, self._options.artifacts):
            return RuntimeResult(file, runtime.name, "refused", problem)
        try:
            folder = environment(runtime)
        except FerZooError as error:
            return RuntimeResult(file, runtime.name, "not installed", str(error))
        test, path = self._test_images(artifact), local_path(artifact, self._options.artifacts).resolve()
        with temporary_folder(self._options.output) as temporary:
            facts = _call(runtime, folder, path, artifact.format, self._images_file(test), temporary, self._limits)
            if "error" in facts:
                return RuntimeResult(file, runtime.name, "refused", facts["error"])
            single, batched = (_probabilities(temporary / name, artifact) for name in ("single.f32", "batched.f32"))
        if single is None:
            return RuntimeResult(file, runtime.name, "compiled", **facts)
        reference, labels = self._reference(artifact), np.asarray(test.labels)
        agreement, batch_agreement = (_agreement(probabilities, reference) for probabilities in (single, batched))
        n = len(single)
        difference = np.abs(single - reference[:n]).max()
        lowest = min(share for share in (agreement, batch_agreement) if share is not None)
        return RuntimeResult(
            file,
            runtime.name,
            "right" if lowest >= LOWEST_AGREEMENT else "wrong",
            n=n,
            agreement=agreement,
            batch_agreement=batch_agreement,
            # Probabilities that are not numbers count as the largest possible difference.
            max_abs_diff=float(difference) if np.isfinite(difference) else 1.0,
            accuracy=float(np.mean(single.argmax(1) == labels[:n])),
            reference_accuracy=float(np.mean(reference[:n].argmax(1) == labels[:n])),
            **facts,
        )

    def _reference(self, artifact: Artifact) -> np.ndarray:
        """The probabilities in the zoo's own runtime, float32 `[n, classes]`."""
        if artifact.path not in self._references:
            path, images = local_path(artifact, self._options.artifacts), self._test_images(artifact).images
            if artifact.format == "keras":
                process = KerasProcess(path, cores(), None)
                try:
                    self._references[artifact.path] = process.predict_proba(images)
                finally:
                    process.close()
            else:
                with load_classifier(path, threads=cores()) as classifier:
                    self._references[artifact.path] = classifier.predict_proba(images)
        return self._references[artifact.path]

    def _test_images(self, artifact: Artifact) -> Dataset:
        """The test images with labels of the classes that `artifact` predicts."""
        labels = tuple(artifact.output["labels"])
        if labels not in self._labelled:
            test = load_labelled(self._options.data, labels).subset("test")
            self._labelled[labels] = evenly(test, self._options.images)
        return self._labelled[labels]

    def _images_file(self, test: Dataset) -> Path:
        """The images as raw float32 `[n, 48, 48, 1]`."""
        if test.expressions not in self._images:
            path = self._images[test.expressions] = self._folder / f"images{len(self._images)}.f32"
            test.images.astype(np.float32).tofile(path)
        return self._images[test.expressions]


def _agreement(probabilities: np.ndarray | None, reference: np.ndarray) -> float | None:
    if probabilities is None:
        return None
    return float(np.mean(probabilities.argmax(1) == reference[: len(probabilities)].argmax(1)))


def _probabilities(path: Path, artifact: Artifact) -> np.ndarray | None:
    if not path.exists():
        return None
    return np.fromfile(path, np.float32).reshape(-1, len(artifact.output["labels"]))


def _call(
    runtime: Runtime, folder: Path, model: Path, format: str, images: Path, temporary: Path, limits: Limits
) -> dict[str, Any]:
    """Run a file in a runtime; return the facts that its process prints. Probabilities are written to `temporary`."""
    request = {
        "runner": str(_RUNNERS / runtime.runner),
        "reference": str(_RUNNERS / OWN_RUNNERS[format]) if runtime.timed else None,
        "model": str(model),
        "environment": str(folder),
        "package": " ".join(runtime.packages).partition("@")[0],
        "images": str(images.resolve()),
        **{name: str(temporary / f"{name}.f32") for name in ("single", "batched")},
        "seconds": limits.seconds,
        "timed_seconds": limits.timed_seconds,
    }
    (temporary / "request.json").write_text(json.dumps(request), "utf-8")
    program = ["node"] if runtime.is_node else [str(folder / "bin" / "python"), "-P"]
    script = _RUNNERS / ("call.mjs" if runtime.is_node else "call.py")
    command = [*program, str(script), str(temporary / "request.json")]
    variables = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"} | runtime.variables
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "KERAS"))}
    try:
        done = subprocess.run(
            command,
            env=kept | variables,
            cwd=temporary,
            capture_output=True,
            text=True,
            check=False,
            timeout=limits.process_seconds,
        )
    except FileNotFoundError as error:
        return {"error": f"{command[0]} is not installed ({error.strerror})"}
    except subprocess.TimeoutExpired:
        return {"error": f"it did not end within {limits.process_seconds:.0f} s"}
    lines = done.stdout.splitlines()
    if done.returncode or not lines:
        return {"error": f"its process ended with code {done.returncode}"}
    return json.loads(lines[-1])
