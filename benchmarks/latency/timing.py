"""Timing consecutive queries of one model."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from typing import Any

import numpy as np


def time_block(
    run: Callable[[np.ndarray], Any], batches: np.ndarray, *, queries: int, seconds: float, settle_seconds: float
) -> list[int]:
    """Time consecutive queries.

    Args:
        run: Function that calls the runtime without checks.
        batches: float32 `[k, batch, 48, 48, 1]`, used in turn.
        queries: Stop after so many queries.
        seconds: Or stop after so many seconds; at least one query is timed.
        settle_seconds: Untimed queries before the first timed one.

    Returns:
        Nanoseconds of each query.
    """
    clock = time.perf_counter_ns
    end = clock() + int(settle_seconds * 1e9)
    while clock() < end:
        run(batches[0])
    samples: list[int] = []
    limit, total = int(seconds * 1e9), 0
    collecting = gc.isenabled()
    gc.disable()
    try:
        while not samples or (len(samples) < queries and total < limit):
            batch = batches[len(samples) % len(batches)]
            start = clock()
            run(batch)
            samples.append(clock() - start)
            total += samples[-1]
    finally:
        if collecting:
            gc.enable()
    return samples
