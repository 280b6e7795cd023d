"""The record of each epoch: loss, accuracy and the measures on the selection images."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fer_zoo.files import write_csv, write_json
from fer_zoo.training.curves import plot_curves

_SECONDS_BETWEEN_PLOTS = 30


@dataclass(frozen=True)
class EpochRecord:
    """One epoch, a row of `history.json` and `history.csv`.

    Attributes:
        epoch: Number of the epoch from 1, counted through both phases of transfer learning.
        phase: `head` or `fine-tuning`; `None` for a run of one phase.
        seconds: Wall time of the training steps.
        learning_rate: After the last step.
        loss: Mean over the training batches.
        accuracy: Mean over the training batches, 0 to 1.
        selection_loss: Cross-entropy on the selection images, on which the best epoch is chosen.
        selection_accuracy: Accuracy on the selection images, 0 to 1.
        selection_macro_f1: Macro-F1 on the selection images, 0 to 1.
    """

    epoch: int
    phase: str | None
    seconds: float
    learning_rate: float
    loss: float
    accuracy: float
    selection_loss: float
    selection_accuracy: float
    selection_macro_f1: float

    def row(self) -> dict[str, Any]:
        """The record as it is written: without `phase` if the run has only one."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    @classmethod
    def of_row(cls, row: dict[str, Any]) -> EpochRecord:
        """The inverse of `row`."""
        return cls(**{"phase": None} | row)


def best_epoch(history: list[EpochRecord]) -> EpochRecord:
    """The first epoch of the highest accuracy on the selection images."""
    return max(history, key=lambda record: record.selection_accuracy)


def selection_measures(probabilities: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Loss, accuracy and macro-F1 on the selection images.

    Args:
        probabilities: float `[n, classes]`.
        labels: int `[n]`.
    """
    from sklearn.metrics import f1_score

    return {
        "selection_loss": float(-np.log(probabilities[np.arange(len(labels)), labels] + 1e-7).mean()),
        "selection_accuracy": float((probabilities.argmax(1) == labels).mean()),
        "selection_macro_f1": float(f1_score(labels, probabilities.argmax(1), average="macro")),
    }


def write_history(folder: Path, history: list[EpochRecord]) -> None:
    """Write `history.json` and `history.csv`, and `curves.png` where it is older than half a minute.

    Plotting takes a second, as long as a small model's epoch on a part of the data.
    """
    rows = [record.row() for record in history]
    write_json(folder / "history.json", rows)
    write_csv(folder / "history.csv", rows)
    curves = folder / "curves.png"
    if not curves.exists() or time.time() - curves.stat().st_mtime > _SECONDS_BETWEEN_PLOTS:
        plot_curves(history, curves)
