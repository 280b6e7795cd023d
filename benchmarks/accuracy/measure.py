"""Computes the accuracy row of a model from its predictions."""

from __future__ import annotations

import numpy as np

from fer_zoo.data import Dataset
from fer_zoo.evaluation import evaluate_predictions

from .rows import Accuracy


def accuracy_of(probabilities: np.ndarray, dataset: Dataset, copies: np.ndarray | None) -> Accuracy:
    """Compute metrics of predictions against labels.

    Args:
        probabilities: float `[n, classes]`.
        dataset: The `n` images.
        copies: bool `[n]`, which of them have an exact copy among the training images; `None` if unknown.
    """
    labels = np.asarray(dataset.labels)
    seen = copies if copies is not None and copies.any() else None
    measures = evaluate_predictions(probabilities, labels, dataset.expressions, seen)
    private = dataset.splits == "private_test"
    correct = probabilities.argmax(1) == labels
    unseen = measures.without_train_copies or {}
    return Accuracy(
        n=measures.n,
        accuracy=measures.accuracy,
        accuracy_interval=measures.accuracy_interval,
        macro_f1=measures.macro_f1,
        ece=measures.ece,
        nll=measures.nll,
        recall={name: values["recall"] for name, values in measures.per_class.items() if values["support"]},
        private_test=float(correct[private].mean()) if private.any() else None,
        n_without_train_copies=unseen.get("n"),
        accuracy_without_train_copies=unseen.get("accuracy"),
        without_train_copies_interval=unseen.get("accuracy_interval"),
    )
