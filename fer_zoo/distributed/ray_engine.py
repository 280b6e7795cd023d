"""Prediction on Ray: photos spread over the processes of a cluster, or of this machine."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
import ray
import ray.data

from fer_zoo.distributed.face_predictor import FacePredictor
from fer_zoo.distributed.parquet import arrow_table
from fer_zoo.errors import FerZooError
from fer_zoo.memory import keep_memory

# The part that a worker has at a time, and that another one does again where it dies: at least so many parts a worker,
# and no larger than this, so that a part is done within a minute or two.
_PARTS_A_WORKER, _PHOTOS_A_PART = 8, 1000


def predict_on_ray(predictor: FacePredictor, files: Sequence[str], workers: int) -> Iterator[pa.Table]:
    """The faces of photos in the order in which workers have finished with them, each photo once.

    What a worker had when it died another one does again. Ray must run (`ray.init`).

    Args:
        predictor: What finds them; rows of photos without a face come in any case.
        files: Paths, the same on each machine, or addresses.
        workers: Processes; each takes `predictor.threads` of Ray's CPUs.

    Returns:
        Some photos' rows at a time, as `arrow_table` has them, with the column `file`.

    Raises:
        FerZooError: The model failed, or Ray did.
    """
    size = min(_PHOTOS_A_PART, math.ceil(len(files) / (workers * _PARTS_A_WORKER)))
    parts = [pa.table({"file": pa.array(files[start : start + size])}) for start in range(0, len(files), size)]
    photos = ray.data.from_arrow(parts)
    photos.context.enable_progress_bars = False
    faces = photos.map_batches(
        _Worker,
        fn_constructor_args=(replace(predictor, column="file", empty=True),),
        compute=ray.data.ActorPoolStrategy(size=workers),
        batch_format="pyarrow",
        num_cpus=predictor.threads,
    )
    try:
        yield from faces.iter_batches(batch_size=None, batch_format="pyarrow")
    except ray.exceptions.RayError as error:
        raise FerZooError(_sentence(error)) from error


def _sentence(error: Exception) -> str:
    """The message of an error in a worker: the last line of the traceback that Ray gives as text."""
    first, *_ = str(error).partition("\n\nThe above exception was the direct cause")
    line = first.strip().rpartition("\n")[2].strip()
    return line.partition(": ")[2] if line.startswith("fer_zoo.") else f"Ray failed: {line or type(error).__name__}"


class _Worker:
    def __init__(self, predictor: FacePredictor) -> None:
        keep_memory()
        self._predict = predictor

    def __call__(self, photos: pa.Table) -> pa.Table:
        return arrow_table(self._predict({"file": np.array(photos["file"].to_pylist(), np.str_)}))
