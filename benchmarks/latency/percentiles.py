"""Arithmetic of timings."""

from __future__ import annotations

import math
from collections.abc import Sequence
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
