from __future__ import annotations

import numpy as np
import pytest

from benchmarks.latency.percentiles import percentile, summarize
from benchmarks.latency.timing import time_block


def test_percentiles_are_samples_at_the_nearest_rank():
    samples = np.random.default_rng(0).permutation(np.arange(1, 101))
    assert [percentile(samples, p) for p in (50, 90, 99, 100)] == [50, 90, 99, 100]
    assert percentile([3, 1, 2], 50) == 2
    assert percentile([1, 2, 3, 4, 5], 90) == 5
    assert percentile([7], 1) == percentile([7], 99) == 7


def test_summary_of_known_times():
    times = summarize([[1_000_000] * 3 + [3_000_000], [2_000_000] * 4], batch=32)
    assert times.n == 8
    assert times.mean_ms == pytest.approx(14 / 8)
    assert (times.p50_ms, times.p90_ms, times.p99_ms) == (2, 3, 3)
    assert times.images_per_second == pytest.approx(32 * 8 / 0.014)
    assert times.p50_ms_by_round == (1, 2)


def test_rounds_of_different_length():
    assert summarize([[1_000_000], [5_000_000, 5_000_000]], batch=1).p50_ms == 5


@pytest.mark.parametrize(("queries", "seconds", "expected"), [(5, 100.0, 5), (1000, 0.0, 1)])
def test_a_block_ends_by_queries_or_time(queries, seconds, expected):
    batches = np.arange(3.0).reshape(3, 1)
    seen: list[float] = []
    samples = time_block(
        lambda batch: seen.append(float(batch[0])), batches, queries=queries, seconds=seconds, settle_seconds=0
    )
    assert len(samples) == len(seen) == expected
    assert all(sample >= 0 for sample in samples)
    assert seen == [0, 1, 2, 0, 1][:expected]


def test_settling_is_not_timed():
    calls: list[int] = []
    samples = time_block(lambda batch: calls.append(1), np.zeros((1, 1)), queries=2, seconds=9, settle_seconds=0.01)
    assert len(samples) == 2
    assert len(calls) > 2
