"""Arithmetic of timings and of paired comparisons."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import Any

import numpy as np


def percentile(samples: Sequence[float] | np.ndarray, percent: float) -> float:
    """The nearest-rank percentile: the smallest sample that at least `percent` % of the samples do not exceed."""
    ordered = np.sort(np.asarray(samples))
    return float(ordered[max(math.ceil(percent / 100 * len(ordered)), 1) - 1])


def summarize(rounds: Sequence[Sequence[int]], batch: int) -> dict[str, Any]:
    """Percentiles and throughput of one candidate.

    Args:
        rounds: Nanoseconds per query, by round.
        batch: Images per query.

    Returns:
        `n` queries, `p50_ms`, `p90_ms`, `p99_ms`, `mean_ms`, `images_per_second` and `p50_ms_by_round`, whose spread
        tells how far the machine drifted.
    """
    samples = np.concatenate([np.asarray(samples, np.float64) for samples in rounds])
    return {
        "n": len(samples),
        "p50_ms": percentile(samples, 50) / 1e6,
        "p90_ms": percentile(samples, 90) / 1e6,
        "p99_ms": percentile(samples, 99) / 1e6,
        "mean_ms": float(samples.mean()) / 1e6,
        "images_per_second": batch * len(samples) / (float(samples.sum()) / 1e9),
        "p50_ms_by_round": [percentile(samples, 50) / 1e6 for samples in rounds],
    }


def paired_test(reference_right: np.ndarray, candidate_right: np.ndarray) -> dict[str, Any]:
    """Whether two classifiers differ in accuracy on the same images, and by how much.

    Args:
        reference_right: Bool `[n]`, where the reference is right.
        candidate_right: Bool `[n]`, where the candidate is right.

    Returns:
        `lost` (only the reference is right), `won` (only the candidate is right), `mcnemar_p` (McNemar 1947, two-sided
        exact binomial) and `accuracy_delta_interval` (95 %, adjusted Wald of Bonett and Price 2012).
    """
    n = len(reference_right)
    lost = int(np.sum(reference_right & ~candidate_right))
    won = int(np.sum(candidate_right & ~reference_right))
    # Integers are exact for any count; their quotient is one correctly rounded float.
    tail = sum(math.comb(lost + won, k) for k in range(min(lost, won) + 1))
    p_lost, p_won = (lost + 1) / (n + 2), (won + 1) / (n + 2)
    half = NormalDist().inv_cdf(0.975) * math.sqrt((p_lost + p_won - (p_won - p_lost) ** 2) / (n + 2))
    return {
        "lost": lost,
        "won": won,
        "mcnemar_p": min(1.0, 2 * tail / 2 ** (lost + won)),
        "accuracy_delta_interval": [p_won - p_lost - half, p_won - p_lost + half],
    }
