"""How far an exported model is from its Keras original, and how far it may be: the one table of gates, and of goals."""

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
        accuracy_delta: -1..1.
        macro_f1_delta: -1..1, over the classes that occur in the labels.
        kl: Mean Kullback-Leibler divergence of the candidate from the reference, in nats.
        per_class_recall_delta: By class, for the classes that occur in the labels.
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
    """Limits that an artifact must hold to be published; `None` leaves a measure free.

    Agreement below 100 % and accuracy may always differ by one image, so that a small test set can be passed.
    """

    min_argmax_agreement: float | None = None
    max_abs_diff: float | None = None
    max_abs_accuracy_delta: float | None = None


GATES = {
    "fp32": Gate(min_argmax_agreement=1.0, max_abs_diff=1e-4),
    "fp16": Gate(min_argmax_agreement=0.995),
    "int8": Gate(max_abs_accuracy_delta=0.005),
    "dynamic": Gate(max_abs_accuracy_delta=0.005),
}


# The goals of the zoo; an artifact that misses one is published all the same, and reported.
GOALS = {
    "fp32": Gate(min_argmax_agreement=1.0),
    "fp16": Gate(min_argmax_agreement=0.999),
    "int8": Gate(min_argmax_agreement=0.98, max_abs_accuracy_delta=0.002),
}
MAX_INT8_SHARE = 0.27  # Of the bytes of the fp32 file.


@dataclass(frozen=True)
class Check:
    """One measure held against its gate.

    Attributes:
        measure: Field of `Parity`.
        value: What was measured.
        limit: What is allowed, as words for a table.
        passed: Whether the value holds the limit; a NaN never does.
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
        labels: Integer `[n]`, which column.
        classes: Names of the columns.

    Raises:
        FerZooError: The shapes do not belong together or there is no image.
    """
    if not reference.shape == candidate.shape == (len(labels), len(classes)) or not len(labels):
        raise FerZooError(
            f"cannot compare shapes {reference.shape} and {candidate.shape} with {len(labels)} labels of "
            f"{len(classes)} classes; both must be [n, {len(classes)}] with n at least 1"
        )
    p, q = reference.astype(np.float64), candidate.astype(np.float64)
    difference = np.abs(p - q)
    guess, other = p.argmax(1), q.argmax(1)
    before, after = (_recall_and_f1(labels, answer, len(classes)) for answer in (guess, other))
    present = np.unique(labels)
    return Parity(
        n=len(labels),
        argmax_agreement=float(np.mean(guess == other)),
        max_abs_diff=float(difference.max()),
        mean_abs_diff=float(difference.mean()),
        accuracy_delta=float(np.mean(other == labels) - np.mean(guess == labels)),
        macro_f1_delta=float(np.mean(after[1][present]) - np.mean(before[1][present])),
        kl=_kl(p, q),
        per_class_recall_delta={classes[i]: float(after[0][i] - before[0][i]) for i in present},
    )


def checks(parity: Parity, precision: str) -> list[Check]:
    """Every measure that the gate of `precision` (a key of `GATES`) limits.

    Raises:
        FerZooError: There is no gate for that precision.
    """
    if precision not in GATES:
        raise FerZooError(f"there is no parity gate for precision {precision!r}; choose one of {', '.join(GATES)}")
    return _held(parity, GATES[precision])


def goals_missed(parity: Parity, precision: str, share: float | None = None) -> list[str]:
    """The goals for `precision` that are missed, one phrase each.

    Args:
        parity: Of the artifact and its original.
        precision: Key of `GOALS`; others have no goals.
        share: Bytes of an int8 file over those of the fp32 file of its format, where known.
    """
    if precision not in GOALS:
        return []
    found = _held(parity, GOALS[precision])
    if precision == "int8" and share is not None:
        found.append(Check("size", share, f"≤ {100 * MAX_INT8_SHARE:g} % of fp32", share <= MAX_INT8_SHARE))
    return _phrases(found)


def _held(parity: Parity, gate: Gate) -> list[Check]:
    found = []
    if gate.min_argmax_agreement is not None:
        value, limit = parity.argmax_agreement, gate.min_argmax_agreement
        allowed = limit if limit == 1 else min(limit, 1 - 1.5 / parity.n)
        found.append(Check("argmax_agreement", value, f"≥ {100 * limit:g} %", value >= allowed))
    if gate.max_abs_diff is not None:
        value, limit = parity.max_abs_diff, gate.max_abs_diff
        found.append(Check("max_abs_diff", value, f"≤ {limit:g}", value <= limit))
    if gate.max_abs_accuracy_delta is not None:
        value, limit = parity.accuracy_delta, gate.max_abs_accuracy_delta
        allowed = max(limit, 1.5 / parity.n)
        found.append(Check("accuracy_delta", value, f"within ±{100 * limit:g} points", abs(value) <= allowed))
    # Probabilities that are not numbers still have an argmax, so that a gate on it alone would let them pass.
    if not np.isfinite(parity.max_abs_diff):
        found.append(Check("max_abs_diff", parity.max_abs_diff, "finite", False))
    return found


def failures(parity: Parity, precision: str) -> list[str]:
    """What misses the gate of `precision`, one phrase each; empty when the artifact may be published."""
    return _phrases(checks(parity, precision))


def _phrases(found: list[Check]) -> list[str]:
    return [f"{c.measure} is {c.value:.6g}, must be {c.limit}" for c in found if not c.passed]


def _recall_and_f1(labels: np.ndarray, guess: np.ndarray, classes: int) -> tuple[np.ndarray, np.ndarray]:
    confusion = np.bincount(labels * classes + guess, minlength=classes * classes).reshape(classes, classes)
    hits, support, guessed = confusion.diagonal(), confusion.sum(1), confusion.sum(0)
    return hits / np.maximum(support, 1), 2 * hits / np.maximum(support + guessed, 1)


def _kl(p: np.ndarray, q: np.ndarray) -> float:
    # An exported softmax may round a tiny probability to exactly 0, which would make the mean infinite.
    tiny = 1e-9
    p, q = np.maximum(p, tiny), np.maximum(q, tiny)
    p, q = p / p.sum(1, keepdims=True), q / q.sum(1, keepdims=True)
    return float(np.mean(np.sum(p * np.log(p / q), 1)))
