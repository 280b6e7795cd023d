"""How good answers are, in the form that the reports keep."""

from __future__ import annotations

from typing import Any

import numpy as np

from fer_zoo.data import Dataset
from fer_zoo.evaluation import evaluate_predictions

_NAMES = ("n", "accuracy", "accuracy_interval", "macro_f1", "ece", "nll", "without_train_copies")


def accuracy_row(probabilities: np.ndarray, dataset: Dataset, copies: np.ndarray | None) -> dict[str, Any]:
    """Measure probabilities, float32 `[n, 7]`, against the labels of `dataset`.

    Args:
        probabilities: One row for each image.
        dataset: The images that were asked about.
        copies: bool `[n]`, which of them have an exact copy in train; `None` where that is not known.

    Returns:
        `n`, `accuracy`, `accuracy_interval`, `macro_f1`, `ece`, `nll`, `without_train_copies`, `private_test` (the
        accuracy on that split, `None` without it) and `recall` by class.
    """
    labels = np.asarray(dataset.labels)
    found = evaluate_predictions(probabilities, labels, copies)
    private = dataset.splits == "private_test"
    right = probabilities.argmax(1) == labels
    return {
        **{name: getattr(found, name) for name in _NAMES},
        "private_test": float(right[private].mean()) if private.any() else None,
        "recall": {name: values["recall"] for name, values in found.per_class.items() if values["support"]},
    }
