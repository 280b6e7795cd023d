"""Timing of photos on Ray's workers."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from fer_zoo.console import track
from fer_zoo.distributed import FacePredictor

from ..machine import Machine, now
from ..throughput.make_photos import make_photo
from ..throughput.rows import PhotoKind
from .rows import ScaleReport, ScaleRow

# As `fer_zoo.distributed.ray_engine.predict_on_ray`: Arrow tables of some photos' rows at a time.
Engine = Callable[[FacePredictor, Sequence[str], int], Iterator[Any]]


class MeasuredPredictor(FacePredictor):
    """Tells in more columns, float64, what a row's photo took and who had it.

    They are `cpu_seconds`, `peak_bytes` (the process's highest until then), `worker` (its process id) and `finished`
    (the end of the photo's part, in seconds of the machine's clock).
    """

    def __call__(self, batch: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        self._open()
        before = time.process_time()
        faces = super().__call__(batch)
        taken = (time.process_time() - before) / len(batch[self.column])
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        told = {"cpu_seconds": taken, "peak_bytes": peak, "worker": os.getpid(), "finished": time.monotonic()}
        return faces | {name: np.full(len(faces["face"]), value, np.float64) for name, value in told.items()}


def measure_scale(
    engine: Engine,
    machine: Machine,
    model: str,
    photo: Path,
    kinds: Sequence[PhotoKind],
    workers: Sequence[int],
    photos: int,
) -> ScaleReport:
    """Time photos of one face on each number of workers.

    Args:
        engine: Runs them; Ray must run.
        machine: This one, with its load before Ray started.
        model: File or name.
        photo: A photo of one face.
        kinds: What is made of the photo.
        workers: Numbers of processes.
        photos: For each worker; those of the parts that come first are not timed.
    """
    rows = []
    with TemporaryDirectory() as folder:
        cases = [(kind, count) for kind in kinds for count in workers]
        for kind, count in track(cases, "photos", len(cases)):
            path = make_photo(photo, kind, Path(folder))
            rows.append(_row(engine, MeasuredPredictor(model, column="file"), kind, path, count, photos * count))
    return ScaleReport(now(), machine, model, tuple(rows))


def _row(engine: Engine, predictor: FacePredictor, kind: PhotoKind, path: Path, workers: int, photos: int) -> ScaleRow:
    tables = list(engine(predictor, [str(path)] * photos, workers))
    cpu, peak, worker, finished = (
        np.concatenate([table[name].to_numpy() for table in tables])
        for name in ("cpu_seconds", "peak_bytes", "worker", "finished")
    )
    # Each worker opens the model with its first part, and they do not all start at the same time.
    start = max(finished[worker == number].min() for number in np.unique(worker))
    timed = finished > start
    seconds, count = finished.max() - start, int(timed.sum())
    size = path.stat().st_size
    cpu_ms = 1000 * float(cpu[timed].mean())
    return ScaleRow(kind.name, workers, size, count, count / seconds, cpu_ms, float(peak.max()))
