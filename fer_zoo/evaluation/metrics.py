"""Metrics of a classifier on labelled images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from fer_zoo.errors import FerZooError

CALIBRATION_BINS = 15


@dataclass(frozen=True)
class ConfusedPair:
    """Images of the class `true` that were classified as `predicted`: their count, and their share of all of `true`."""

    true: str
    predicted: str
    count: int
    share: float


@dataclass(frozen=True)
class CalibrationBin:
    """Images whose highest probability is in (`lower`, `upper`]: count, accuracy and mean confidence; 0 if empty."""

    lower: float
    upper: float
    count: int
    accuracy: float
    confidence: float


@dataclass(frozen=True)
class Evaluation:
    """All metrics of one model on one split; every share is in 0..1.

    Attributes:
        n: Number of images.
        accuracy: Share of images whose most probable class is the labelled one.
        accuracy_interval: Wilson 95 % interval of the accuracy.
        macro_precision: Mean precision of the classes that have images or predictions.
        macro_recall: Mean recall of the same classes.
        macro_f1: Mean F1 of the same classes.
        weighted_f1: Mean F1 weighted by the number of images.
        nll: Mean negative log-likelihood of the label, in nats.
        ece: Expected calibration error with 15 bins of equal width (Guo et al. 2017, arXiv:1706.04599).
        per_class: `precision`, `recall`, `f1` and `support` by class.
        confusion: Counts; rows are labels, columns predictions, both in the order of `per_class`.
        confused_pairs: Every pair that was confused at least once, most frequent first.
        calibration: The bins behind `ece`.
        without_train_copies: `n`, `accuracy` and `accuracy_interval` of the images that have no exact copy in train;
            `None` if the copies are unknown or no image remains.

    Examples:
        >>> from fer_zoo import evaluate
        >>> test = evaluate("fernet_nano:onnx:int8", "faces.zip")["test"]
        >>> low, high = test.accuracy_interval
        >>> bool(low < test.accuracy < high), len(test.confusion)
        (True, 7)
    """

    n: int
    accuracy: float
    accuracy_interval: tuple[float, float]
    macro_precision: float
    macro_recall: float
    macro_f1: float
    weighted_f1: float
    nll: float
    ece: float
    per_class: dict[str, dict[str, float]]
    confusion: tuple[tuple[int, ...], ...]
    confused_pairs: tuple[ConfusedPair, ...]
    calibration: tuple[CalibrationBin, ...]
    without_train_copies: dict[str, Any] | None

    @property
    def accuracy_text(self) -> str:
        """The accuracy with its interval as text."""
        low, high = self.accuracy_interval
        return f"accuracy {self.accuracy:.2%} (95 % interval {low:.2%} to {high:.2%})"

    def to_json(self) -> dict[str, Any]:
        """The metrics as plain dicts, tuples and numbers."""
        return asdict(self)


def evaluate_predictions(
    probabilities: np.ndarray, labels: np.ndarray, classes: Sequence[str], train_copies: np.ndarray | None = None
) -> Evaluation:
    """Measure predictions against labels.

    Args:
        probabilities: float `[n, classes]`, each row adding up to 1.
        labels: int `[n]`, index of the right column.
        classes: Names of the columns.
        train_copies: bool `[n]`, which images have an exact copy in train; `None` if unknown.

    Raises:
        FerZooError: The shapes do not match, there are no images, a label is not the index of a column, or a row is not
            a probability distribution.
    """
    from sklearn.metrics import confusion_matrix, log_loss, precision_recall_fscore_support

    _check(probabilities, labels, classes, train_copies)
    columns = range(len(classes))
    predictions = probabilities.argmax(axis=1)
    correct = predictions == labels
    present = np.union1d(labels, predictions)
    precision, recall, f1, support = precision_recall_fscore_support(
        labels, predictions, labels=columns, zero_division=0
    )
    confusion = confusion_matrix(labels, predictions, labels=columns)
    calibration = calibration_bins(probabilities.max(axis=1), correct)
    return Evaluation(
        n=len(labels),
        accuracy=float(correct.mean()),
        accuracy_interval=wilson_interval(int(correct.sum()), len(labels)),
        macro_precision=float(precision[present].mean()),
        macro_recall=float(recall[present].mean()),
        macro_f1=float(f1[present].mean()),
        weighted_f1=float(np.average(f1, weights=support)),
        nll=float(log_loss(labels, probabilities, labels=columns)),
        ece=sum(bin.count * abs(bin.accuracy - bin.confidence) for bin in calibration) / len(labels),
        per_class={
            name: {
                "precision": float(precision[i]),
                "recall": float(recall[i]),
                "f1": float(f1[i]),
                "support": int(support[i]),
            }
            for i, name in enumerate(classes)
        },
        confusion=tuple(tuple(int(count) for count in row) for row in confusion),
        confused_pairs=_confused_pairs(confusion, classes),
        calibration=calibration,
        without_train_copies=None if train_copies is None else _accuracy(correct[~train_copies]),
    )


def wilson_interval(successes: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """The Wilson score interval of a share (Wilson 1927), which stays within 0..1 and holds for small `n`."""
    from scipy.stats import binomtest

    interval = binomtest(successes, n).proportion_ci(confidence, method="wilson")
    return float(interval.low), float(interval.high)


def calibration_bins(
    confidence: np.ndarray, correct: np.ndarray, bins: int = CALIBRATION_BINS
) -> tuple[CalibrationBin, ...]:
    """Accuracy against mean confidence in `bins` bins of equal width over 0..1.

    Args:
        confidence: float `[n]`, the probability of the predicted class.
        correct: bool `[n]`, whether the prediction is right.
        bins: Number of bins.
    """
    edges = np.linspace(0, 1, bins + 1)
    which = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, bins - 1)
    result = []
    for index in range(bins):
        inside = which == index
        count = int(inside.sum())
        accuracy = float(correct[inside].mean()) if count else 0.0
        mean = float(confidence[inside].mean(dtype=np.float64)) if count else 0.0
        result.append(CalibrationBin(float(edges[index]), float(edges[index + 1]), count, accuracy, mean))
    return tuple(result)


def _accuracy(correct: np.ndarray) -> dict[str, Any] | None:
    if not len(correct):
        return None
    interval = wilson_interval(int(correct.sum()), len(correct))
    return {"n": len(correct), "accuracy": float(correct.mean()), "accuracy_interval": interval}


def _confused_pairs(confusion: np.ndarray, classes: Sequence[str]) -> tuple[ConfusedPair, ...]:
    pairs = [
        ConfusedPair(classes[i], classes[j], int(count), float(count / confusion[i].sum()))
        for (i, j), count in np.ndenumerate(confusion)
        if i != j and count
    ]
    return tuple(sorted(pairs, key=lambda pair: -pair.count))


def _check(
    probabilities: np.ndarray, labels: np.ndarray, classes: Sequence[str], train_copies: np.ndarray | None
) -> None:
    if probabilities.ndim != 2 or probabilities.shape[1] != len(classes):
        raise FerZooError(f"probabilities must have shape [n, {len(classes)}], not {list(probabilities.shape)}")
    if labels.shape != (len(probabilities),):
        raise FerZooError(f"{len(probabilities)} rows of probabilities need as many labels, not {list(labels.shape)}")
    if train_copies is not None and train_copies.shape != labels.shape:
        raise FerZooError(f"train_copies must have shape {list(labels.shape)}, not {list(train_copies.shape)}")
    if not len(labels):
        raise FerZooError("there are no images to evaluate")
    if labels.min() < 0 or labels.max() >= probabilities.shape[1]:
        raise FerZooError(f"labels must lie in 0..{probabilities.shape[1] - 1}, not {labels.min()}..{labels.max()}")
    if not np.isfinite(probabilities).all():
        raise FerZooError("the model gave probabilities that are not numbers (NaN or infinite)")
    if probabilities.min() < 0 or np.abs(probabilities.sum(axis=1) - 1).max() > 1e-2:
        raise FerZooError("each row of probabilities must be at least 0 and add up to 1; is the softmax missing?")
