"""Callbacks that run after each epoch, in both phases of a run."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from fer_zoo.errors import FerZooError, UsageError
from fer_zoo.training.checkpoint import Checkpoint
from fer_zoo.training.history import selection_measures
from fer_zoo.training.reporter import Advance, Reporter


@dataclass(frozen=True)
class Phase:
    """One phase of a run: the training of the head, then that of all layers; from random weights there is only one.

    Attributes:
        name: `head`, `fine-tuning`, or `None` for the only one.
        epochs: Passes over the training images.
        seed: Seed of dropout on torch.
        publish: Copies the weights of the training model, its argument, into the published model.
        predict: The published model's probabilities of the selection images, float32 `[n, classes]`.
        labels: int `[n]`, the labels of the selection images.
    """

    name: str | None
    epochs: int
    seed: int
    publish: Callable[[keras.Model], None]
    predict: Callable[[], np.ndarray]
    labels: np.ndarray


class EpochEnd(keras.callbacks.Callback):
    """After each epoch: publish the weights, measure them on the selection images, write the checkpoint."""

    def __init__(self, phase: Phase, checkpoint: Checkpoint, reporter: Reporter, advance: Advance) -> None:
        super().__init__()
        self.phase = phase
        self.checkpoint = checkpoint
        self.reporter = reporter
        self.advance = advance

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self.epoch = epoch
        self.started = time.perf_counter()

    def on_train_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        if batch == 0 and keras.backend.backend() == "torch":
            import torch

            # Its dropout draws from the global generator, which no variable keeps, as does a data loader that starts.
            torch.manual_seed(self.phase.seed + self.epoch)

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        self.advance(f"{'head ' if self.phase.name == 'head' else ''}epoch {self.epoch + 1}/{self.phase.epochs}")

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        assert logs is not None
        if not math.isfinite(logs["loss"]):
            option = "--head-learning-rate" if self.phase.name == "head" else "learning rate"
            raise FerZooError(f"the loss became {logs['loss']} in epoch {epoch + 1}; try a lower {option}")
        trained = self.model
        self.phase.publish(trained)
        seconds = time.perf_counter() - self.started
        record = self.checkpoint.save(
            trained,
            phase=self.phase.name,
            seconds=round(seconds, 2),
            learning_rate=float(keras.ops.convert_to_numpy(trained.optimizer.learning_rate)),
            loss=float(logs["loss"]),
            accuracy=float(logs.get("accuracy", logs.get("logits_accuracy", math.nan))),
            **selection_measures(self.phase.predict(), self.phase.labels),
        )
        self.reporter.epoch(record, epoch + 1, self.phase.epochs)


class TensorBoard(keras.callbacks.Callback):
    """Writes the record of each epoch to TensorBoard event files, without TensorFlow.

    Args:
        folder: Folder of the event files.
        checkpoint: The run's checkpoint; the last entry of its history is the epoch that ends.

    Raises:
        UsageError: TensorBoard is not installed.
    """

    def __init__(self, folder: Path, checkpoint: Checkpoint) -> None:
        super().__init__()
        try:
            from tensorboard.summary import Writer
        except ImportError as error:
            raise UsageError("TensorBoard is not installed; run `pip install 'fer-zoo[tensorboard]'`") from error
        self.writer: Any = Writer(str(folder))
        self.checkpoint = checkpoint

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        record = self.checkpoint.history[-1]
        for name, value in record.row().items():
            if not isinstance(value, str):
                self.writer.add_scalar(name, value, record.epoch)
        self.writer.flush()
