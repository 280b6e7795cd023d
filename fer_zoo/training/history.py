"""What is recorded of every epoch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import f1_score

from fer_zoo.files import write_csv, write_json
from fer_zoo.training.curves import plot_curves


def selection_measures(probabilities: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """How good a model is on the images that choose the epoch.

    Args:
        probabilities: float `[n, classes]`.
        labels: int `[n]`.
    """
    return {
        "selection_loss": float(-np.log(probabilities[np.arange(len(labels)), labels] + 1e-7).mean()),
        "selection_accuracy": float((probabilities.argmax(1) == labels).mean()),
        "selection_macro_f1": float(f1_score(labels, probabilities.argmax(1), average="macro")),
    }


def write_history(folder: Path, history: list[dict[str, Any]]) -> None:
    """Write `history.json`, `history.csv` and `curves.png`."""
    write_json(folder / "history.json", history)
    write_csv(folder / "history.csv", history)
    plot_curves(history, folder / "curves.png")
