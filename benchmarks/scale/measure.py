"""Timing of photos on Ray's workers."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from fer_zoo.console import track
from fer_zoo.distributed import FacePredictor

from ..machine import describe, now
from ..throughput.make_photos import make_photo
from ..throughput.rows import PhotoKind
from .rows import ScaleReport, ScaleRow

# As `fer_zoo.distributed.ray_engine.predict_on_ray`: Arrow tables of some photos' rows at a time.
Engine = Callable[[FacePredictor, Sequence[str], int], Iterator[Any]]


class MeasuredPredictor(FacePredictor):
    """Tells in two more columns what a row's photo took: `cpu_seconds`, and `peak_bytes` of the process until then."""

    def __call__(self, batch: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        self._open()
        before = time.process_time()
        faces = super().__call__(batch)
        taken = (time.process_time() - before) / len(batch[self.column])
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        count = len(faces["face"])
        return faces | {
            "cpu_seconds": np.full(count, taken, np.float32),
            "peak_bytes": np.full(count, peak, np.float32),
        }


def measure_scale(
    engine: Engine, model: str, photo: Path, kinds: Sequence[PhotoKind], workers: Sequence[int], photos: int
) -> ScaleReport:
    """Time photos of one face on each number of workers.

    Args:
        engine: Runs them; Ray must run.
        model: File or name.
        photo: Of one face.
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
    return ScaleReport(now(), describe(), model, tuple(rows))


def _row(engine: Engine, predictor: FacePredictor, kind: PhotoKind, path: Path, workers: int, photos: int) -> ScaleRow:
    tables = engine(predictor, [str(path)] * photos, workers)
    # Each worker opens the model with its first part.
    for _ in range(workers):
        next(tables)
    start = time.perf_counter()
    timed = list(tables)
    seconds = time.perf_counter() - start
    count = sum(table.num_rows for table in timed)
    cpu = np.concatenate([table["cpu_seconds"].to_numpy() for table in timed])
    peak = max(table["peak_bytes"].to_numpy().max() for table in timed)
    size = path.stat().st_size
    return ScaleRow(kind.name, workers, size, count, count / seconds, 1000 * float(cpu.mean()), float(peak))
