"""Percentiles, throughput and medians of timings."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import Any

import numpy as np

from .rows import ColdStart, Start, Times


def percentile(samples: Sequence[float] | np.ndarray, percent: float) -> float:
    """The nearest-rank percentile: the smallest sample that at least `percent` % of the samples do not exceed."""
    ordered = np.sort(np.asarray(samples))
    return float(ordered[max(math.ceil(percent / 100 * len(ordered)), 1) - 1])


def summarize(rounds: Sequence[Sequence[int]], batch: int) -> Times:
    """Percentiles and throughput of one file in one setting.

    Args:
        rounds: Nanoseconds per query, by round.
        batch: Images per query.
    """
    samples = np.concatenate([np.asarray(samples, np.float64) for samples in rounds])
    return Times(
        n=len(samples),
        p50_ms=percentile(samples, 50) / 1e6,
        p90_ms=percentile(samples, 90) / 1e6,
        p99_ms=percentile(samples, 99) / 1e6,
        mean_ms=float(samples.mean()) / 1e6,
        images_per_second=batch * len(samples) / (float(samples.sum()) / 1e9),
        p50_ms_by_round=tuple(percentile(samples, 50) / 1e6 for samples in rounds),
    )


def medians(starts: Sequence[Start], **facts: Any) -> ColdStart:
    """The median of each measurement over several processes; `facts` are the other fields of `ColdStart`."""
    known = {name: [v for start in starts if (v := getattr(start, name)) is not None] for name in vars(starts[0])}
    middle = {name: statistics.median(values) for name, values in known.items() if values}
    times = known["cold_start_ms"]
    return ColdStart(**middle, n=len(starts), cold_start_ms_range=(min(times), max(times)), **facts)
