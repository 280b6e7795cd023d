"""What is recorded of every epoch."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import f1_score

from fer_zoo.files import write_csv, write_json
from fer_zoo.training.curves import plot_curves

_SECONDS_BETWEEN_DRAWINGS = 30


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
    """Write `history.json` and `history.csv`, and `curves.png` where it is older than half a minute.

    Drawing takes a second, as long as a small model's epoch on a part of the data.
    """
    write_json(folder / "history.json", history)
    write_csv(folder / "history.csv", history)
    curves = folder / "curves.png"
    if not curves.exists() or time.time() - curves.stat().st_mtime > _SECONDS_BETWEEN_DRAWINGS:
        plot_curves(history, curves)


def draw_history(folder: Path) -> None:
    """Draw the whole of `history.json` to `curves.png`."""
    plot_curves(json.loads((folder / "history.json").read_text()), folder / "curves.png")
