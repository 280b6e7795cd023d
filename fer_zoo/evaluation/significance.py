"""Tests whether two classifiers differ significantly on the same images."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class PairedTest:
    """The comparison of two classifiers on the same images.

    Attributes:
        lost: Number of images that only the reference classifies correctly.
        won: Number of images that only the candidate classifies correctly.
        mcnemar_p: p value of McNemar's test (1947), two-sided exact binomial.
        accuracy_delta_interval: 95 % interval of the candidate's accuracy minus the reference's, -1..1; adjusted Wald
            interval of Bonett and Price 2012.
    """

    lost: int
    won: int
    mcnemar_p: float
    accuracy_delta_interval: tuple[float, float]


_DRAWS = 1000
_SEED = 2025


def paired_test(reference_right: np.ndarray, candidate_right: np.ndarray) -> PairedTest:
    """Test whether two classifiers differ in accuracy on the same images, and by how much.

    Args:
        reference_right: Bool `[n]`, whether the reference is right on each image.
        candidate_right: Bool `[n]`, whether the candidate is right on each image.
    """
    from scipy.stats import binomtest, norm

    n = len(reference_right)
    lost = int(np.sum(reference_right & ~candidate_right))
    won = int(np.sum(candidate_right & ~reference_right))
    p = binomtest(won, lost + won).pvalue if lost + won else 1.0
    p_lost, p_won = (lost + 1) / (n + 2), (won + 1) / (n + 2)
    half = norm.ppf(0.975) * math.sqrt((p_lost + p_won - (p_won - p_lost) ** 2) / (n + 2))
    interval = (float(p_won - p_lost - half), float(p_won - p_lost + half))
    return PairedTest(lost, won, float(p), interval)


def macro_f1_delta_interval(labels: np.ndarray, reference: np.ndarray, candidate: np.ndarray) -> tuple[float, float]:
    """95 % interval of candidate minus reference in macro-F1: percentiles of 1,000 paired bootstrap samples.

    Args:
        labels: Integer `[n]`, the right classes.
        reference: Integer `[n]`, the predictions of the reference.
        candidate: Integer `[n]`, the predictions of the candidate.

    Returns:
        Lower and upper end, -1..1; the same samples on every call.
    """
    classes, n = 1 + int(max(labels.max(), reference.max(), candidate.max())), len(labels)
    # Only the label and both predictions of an image matter, so drawing the counts of these triples draws the images.
    triples = np.bincount((labels * classes + reference) * classes + candidate, minlength=classes**3)
    draws = np.random.default_rng(_SEED).multinomial(n, triples / n, size=_DRAWS).reshape(_DRAWS, *[classes] * 3)
    deltas = _macro_f1(draws.sum(2)) - _macro_f1(draws.sum(3))
    low, high = np.percentile(deltas, (2.5, 97.5))
    return float(low), float(high)


def _macro_f1(confusion: np.ndarray) -> np.ndarray:
    """Macro-F1 `[draws]` of confusion matrices `[draws, classes, classes]`, over the classes with labels."""
    hits, support, predicted = np.diagonal(confusion, axis1=1, axis2=2), confusion.sum(2), confusion.sum(1)
    f1 = 2 * hits / np.maximum(support + predicted, 1)
    return (f1 * (support > 0)).sum(1) / (support > 0).sum(1)
