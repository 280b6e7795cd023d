"""One run in several processes, which `jax.distributed` has joined: all compute, the first one writes."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import keras
import numpy as np

from fer_zoo.errors import LostProcessError, UsageError
from fer_zoo.sharding import is_first_process, process_count
from fer_zoo.text import reason
from fer_zoo.training.checkpoint import Checkpoint
from fer_zoo.training.config import TrainingConfig
from fer_zoo.training.folder_lock import locked
from fer_zoo.training.run_folder import CHECKPOINT, delete_features
from fer_zoo.training.splits import Splits


@contextmanager
def process_folder(folder: Path, resume: bool) -> Iterator[Path]:
    """The folder that this process writes to: for the first process the run's, locked; for others a temporary one.

    Args:
        folder: The run's folder; if the run is resumed, all processes must be able to read it.
        resume: Whether the run is resumed from its checkpoint.

    Raises:
        FerZooError: Another run writes to `folder`.
    """
    if is_first_process():
        with locked(folder):
            if process_count() > 1:  # All processes compute them together, and the others have no files of them.
                delete_features(folder)
            yield folder
        return
    with TemporaryDirectory(prefix="fer_zoo-") as own:
        for name in ("config.json", CHECKPOINT) if resume else ():
            if (folder / name).exists():
                shutil.copyfile(folder / name, Path(own) / name)
        yield Path(own)


@contextmanager
def report_lost_processes() -> Iterator[None]:
    """Raise `LostProcessError` if a computation that all processes share fails."""
    if keras.backend.backend() != "jax":
        yield
        return
    import jax

    try:
        yield
    except (jax.errors.JaxRuntimeError, ValueError) as error:
        # A failure in gloo is a ValueError if JAX notices it at once.
        if process_count() == 1 or (isinstance(error, ValueError) and "gloo" not in str(error).lower()):
            raise
        raise LostProcessError(
            f"another process of this run has ended, or cannot be reached any more ({reason(error)}); start all "
            "again with --resume"
        ) from error


def refuse_disagreement(config: TrainingConfig, splits: Splits, checkpoint: Checkpoint) -> None:
    """Refuse to train together with processes that have other settings, images or checkpoints.

    Raises:
        UsageError: Settings, images or checkpoint of this process are not those of all others.
    """
    if process_count() == 1:
        return
    from jax.experimental.multihost_utils import process_allgather

    settings = replace(config, data=None, ferplus=None, warm_start=None, teachers=(), distillation_weight=0.0)
    finished = [record.row() for record in checkpoint.history]
    digest = hashlib.sha256(f"{settings} {splits.sha256()} {finished}".encode()).digest()
    digests = process_allgather(np.frombuffer(digest, np.uint8))
    if (digests != digests[0]).any():
        raise UsageError(
            "the processes of this run do not have the same settings, images or checkpoint; start all of them with the "
            "same command, and with the run's folder where all can read it"
        )
