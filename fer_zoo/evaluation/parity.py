"""Measures how far an exported model differs from its Keras original, and has the allowed limits: gates and goals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from fer_zoo.errors import FerZooError


@dataclass(frozen=True)
class Parity:
    """Differences between two models on the same labelled images; every delta is candidate minus reference.

    Attributes:
        n: Number of images.
        argmax_agreement: Share of images on which both give the same class, 0..1.
        max_abs_diff: Largest |Δp| over all images and classes, 0..1.
        mean_abs_diff: Mean |Δp| over all images and classes, 0..1.
        accuracy_delta: Difference in accuracy, -1..1.
        macro_f1_delta: Difference in macro-F1, -1..1, over the classes that occur in the labels.
        kl: Mean Kullback-Leibler divergence of the candidate from the reference, in nats.
        per_class_recall_delta: Difference in recall, -1..1, of each class that occurs in the labels.
    """

    n: int
    argmax_agreement: float
    max_abs_diff: float
    mean_abs_diff: float
    accuracy_delta: float
    macro_f1_delta: float
    kl: float
    per_class_recall_delta: dict[str, float]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Gate:
    """Limits that an artifact must meet to be published; `None` is no limit.

    Accuracy, and agreement with a limit below 100 %, may always differ by one image, so that the limits also make sense
    for a small test set.
    """

    min_argmax_agreement: float | None = None
    max_abs_diff: float | None = None
    max_abs_accuracy_delta: float | None = None


GATES = {
    "fp32": Gate(min_argmax_agreement=1.0, max_abs_diff=1e-4),
    "fp16": Gate(min_argmax_agreement=0.995),
    "int8": Gate(max_abs_accuracy_delta=0.005),
    "dynamic": Gate(max_abs_accuracy_delta=0.005),
    "int8-full": Gate(max_abs_accuracy_delta=0.005),
}


# The goals of the zoo; an artifact that misses one is still published, and the report says so.
GOALS = {
    "fp32": Gate(min_argmax_agreement=1.0),
    "fp16": Gate(min_argmax_agreement=0.999),
    "int8": Gate(min_argmax_agreement=0.98, max_abs_accuracy_delta=0.002),
}
MAX_INT8_SHARE = 0.27  # Largest size of an int8 file, as a share of the bytes of the fp32 file.


@dataclass(frozen=True)
class Check:
    """One metric compared with its limit.

    Attributes:
        measure: Name of the metric, a field of `Parity`.
        value: The measured value.
        limit: The limit as text for a table.
        passed: Whether the value meets the limit; a NaN never does.
    """

    measure: str
    value: float
    limit: str
    passed: bool


def compare(reference: np.ndarray, candidate: np.ndarray, labels: np.ndarray, classes: Sequence[str]) -> Parity:
    """Compare the probabilities of two models on the same images.

    Args:
        reference: Float `[n, classes]` of the Keras original.
        candidate: Float `[n, classes]` of the exported model.
        labels: Integer `[n]`, index of the right column.
        classes: Names of the columns.

    Raises:
        FerZooError: The shapes do not match, or there are no images.
    """
    if not reference.shape == candidate.shape == (len(labels), len(classes)) or not len(labels):
        raise FerZooError(
            f"cannot compare shapes {reference.shape} and {candidate.shape} with {len(labels)} labels of "
            f"{len(classes)} classes; both must be [n, {len(classes)}] with n at least 1"
        )
    p, q = reference.astype(np.float64), candidate.astype(np.float64)
    difference = np.abs(p - q)
    p_class, q_class = p.argmax(1), q.argmax(1)
    (p_recall, p_f1), (q_recall, q_f1) = (_recall_and_f1(labels, c, len(classes)) for c in (p_class, q_class))
    present = np.unique(labels)
    return Parity(
        n=len(labels),
        argmax_agreement=float(np.mean(p_class == q_class)),
        max_abs_diff=float(difference.max()),
        mean_abs_diff=float(difference.mean()),
        accuracy_delta=float(np.mean(q_class == labels) - np.mean(p_class == labels)),
        macro_f1_delta=float(np.mean(q_f1[present]) - np.mean(p_f1[present])),
        kl=_kl(p, q),
        per_class_recall_delta={classes[i]: float(q_recall[i] - p_recall[i]) for i in present},
    )


def checks(parity: Parity, precision: str) -> list[Check]:
    """Compare every metric with its limit in the gate of `precision`, a key of `GATES`.

    Raises:
        FerZooError: There is no gate for that precision.
    """
    if precision not in GATES:
        raise FerZooError(f"there is no parity gate for precision {precision!r}; choose one of {', '.join(GATES)}")
    return _compared(parity, GATES[precision])


def goals_missed(parity: Parity, precision: str, share: float | None = None) -> list[str]:
    """The goals for `precision` that are missed, one phrase each.

    Args:
        parity: Differences between the artifact and its original.
        precision: Key of `GOALS`; other precisions have no goals.
        share: Size of an int8 file as a share of the fp32 file of the same format; `None` if unknown.
    """
    if precision not in GOALS:
        return []
    results = _compared(parity, GOALS[precision])
    if precision == "int8" and share is not None:
        results.append(Check("size", share, f"≤ {100 * MAX_INT8_SHARE:g} % of fp32", share <= MAX_INT8_SHARE))
    return _phrases(results)


def _compared(parity: Parity, gate: Gate) -> list[Check]:
    results = []
    if gate.min_argmax_agreement is not None:
        value, limit = parity.argmax_agreement, gate.min_argmax_agreement
        allowed = limit if limit == 1 else min(limit, 1 - 1.5 / parity.n)
        results.append(Check("argmax_agreement", value, f"≥ {100 * limit:g} %", value >= allowed))
    if gate.max_abs_diff is not None:
        value, limit = parity.max_abs_diff, gate.max_abs_diff
        results.append(Check("max_abs_diff", value, f"≤ {limit:g}", value <= limit))
    if gate.max_abs_accuracy_delta is not None:
        value, limit = parity.accuracy_delta, gate.max_abs_accuracy_delta
        allowed = max(limit, 1.5 / parity.n)
        results.append(Check("accuracy_delta", value, f"within ±{100 * limit:g} points", abs(value) <= allowed))
    # Probabilities that are not numbers still have an argmax, so they would pass a limit for the argmax alone.
    if not np.isfinite(parity.max_abs_diff):
        results.append(Check("max_abs_diff", parity.max_abs_diff, "finite", False))
    return results


def failures(parity: Parity, precision: str) -> list[str]:
    """The limits in the gate of `precision` that are not met, one phrase each; empty if all are met."""
    return _phrases(checks(parity, precision))


def _phrases(results: list[Check]) -> list[str]:
    return [f"{c.measure} is {c.value:.6g}, must be {c.limit}" for c in results if not c.passed]


def _recall_and_f1(labels: np.ndarray, predictions: np.ndarray, classes: int) -> tuple[np.ndarray, np.ndarray]:
    confusion = np.bincount(labels * classes + predictions, minlength=classes * classes).reshape(classes, classes)
    hits, support, predicted = confusion.diagonal(), confusion.sum(1), confusion.sum(0)
    return hits / np.maximum(support, 1), 2 * hits / np.maximum(support + predicted, 1)


def _kl(p: np.ndarray, q: np.ndarray) -> float:
    # An exported softmax may round a tiny probability to exactly 0, which would make the mean infinite.
    tiny = 1e-9
    p, q = np.maximum(p, tiny), np.maximum(q, tiny)
    p, q = p / p.sum(1, keepdims=True), q / q.sum(1, keepdims=True)
    return float(np.mean(np.sum(p * np.log(p / q), 1)))
