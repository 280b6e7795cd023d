"""Compares predictions with the ten votes that FER+ has for each image, instead of one label."""

from __future__ import annotations

import numpy as np

from fer_zoo.contract import EXPRESSIONS
from fer_zoo.data.ferplus import FERPLUS_COLUMNS
from fer_zoo.evaluation.metrics import CALIBRATION_BINS

from .rows import Sides, VoteAgreement

_TINY = 1e-9


def vote_shares(votes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The seven expressions' shares of the votes for each image.

    Args:
        votes: float `[n, 10]`, in FER+'s order, zero where an image has none.

    Returns:
        float64 `[n, 7]` in the order of `EXPRESSIONS`, each row adding up to 1; and bool `[n]`, the images that count:
        those with at least half of their votes for one of the seven, not for contempt, unknown or not a face.
    """
    seven = votes[:, list(FERPLUS_COLUMNS)].astype(np.float64)
    total = seven.sum(1)
    counts = (total > 0) & (total >= votes.sum(1) / 2)
    return seven / np.maximum(total, _TINY)[:, None], counts


def majority(shares: np.ndarray) -> np.ndarray:
    """The expression with the most votes, int64 `[n]`; -1 if two have equally many."""
    ordered = np.sort(shares, axis=1)
    return np.where(ordered[:, -1] > ordered[:, -2] + 1e-6, shares.argmax(1), -1)


def against_votes(probabilities: np.ndarray, shares: np.ndarray) -> VoteAgreement:
    """Measure how well probabilities match the shares of votes.

    Args:
        probabilities: float `[n, 7]`.
        shares: float `[n, 7]`, as `vote_shares` returns them, only for images that count.
    """
    logs = np.log(np.maximum(probabilities.astype(np.float64), _TINY))
    nll = float(-(shares * logs).sum(1).mean())
    entropy = float(-(shares * np.log(np.maximum(shares, _TINY))).sum(1).mean())
    guess, most = probabilities.argmax(1), majority(shares)
    agreed = shares[np.arange(len(shares)), guess]
    bins = np.clip(np.ceil(probabilities.max(1) * CALIBRATION_BINS).astype(int) - 1, 0, CALIBRATION_BINS - 1)
    gaps = np.bincount(bins, probabilities.max(1) - agreed, CALIBRATION_BINS)
    return VoteAgreement(
        n=len(shares),
        decided=int((most >= 0).sum()),
        accuracy=float((guess == most)[most >= 0].mean()),
        nll=nll,
        entropy=entropy,
        kl=nll - entropy,
        ece=float(np.abs(gaps).sum() / len(shares)),
    )


def sides(labels: np.ndarray, guess: np.ndarray, most: np.ndarray, true: str, predicted: str) -> Sides:
    """Count the images of `true` classified as `predicted` by what the raters' majority agrees with."""
    wrong = (labels == EXPRESSIONS.index(true)) & (guess == EXPRESSIONS.index(predicted))
    raters = most[wrong]
    label, model = (int((raters == EXPRESSIONS.index(name)).sum()) for name in (true, predicted))
    return Sides(label, model, len(raters) - label - model)
