from __future__ import annotations

import numpy as np
import pytest

from fer_zoo.evaluation.significance import macro_f1_delta_interval, paired_test


def test_mcnemar_equals_the_binomial_test():
    binomtest = pytest.importorskip("scipy.stats").binomtest
    for lost, won in ((0, 1), (5, 1), (10, 25), (300, 260)):
        reference = np.repeat([True, False, True], [lost, won, 1000])
        candidate = np.repeat([False, True, True], [lost, won, 1000])
        found = paired_test(reference, candidate)
        assert (found.lost, found.won) == (lost, won)
        assert found.mcnemar_p == pytest.approx(binomtest(lost, lost + won).pvalue)


def test_equal_models_do_not_differ():
    right = np.array([True, False] * 500)
    found = paired_test(right, right)
    low, high = found.accuracy_delta_interval
    assert (found.lost, found.won, found.mcnemar_p) == (0, 0, 1)
    assert low == pytest.approx(-high)
    assert 0 < high < 0.005


def test_interval_of_the_difference_covers_it():
    """In 400 draws of a true difference of 3 points, about 380 intervals hold it."""
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(400):
        kind = rng.choice(4, size=500, p=[0.6, 0.29, 0.04, 0.07])
        low, high = paired_test((kind == 0) | (kind == 2), (kind == 0) | (kind == 3)).accuracy_delta_interval
        held += low <= 0.03 <= high
    assert 370 <= held <= 390


def test_macro_f1_interval_covers_the_measured_difference():
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 7, 2000)
    reference = np.where(rng.random(2000) < 0.4, rng.integers(0, 7, 2000), labels)
    worse = np.where(rng.random(2000) < 0.1, rng.integers(0, 7, 2000), reference)
    delta = metrics.f1_score(labels, worse, average="macro") - metrics.f1_score(labels, reference, average="macro")
    low, high = macro_f1_delta_interval(labels, reference, worse)
    assert low < delta < high < 0
    assert (low + high) / 2 == pytest.approx(delta, abs=0.004)
    assert 0.01 < high - low < 0.04
    assert macro_f1_delta_interval(labels, reference, reference) == (0, 0)


def test_classes_that_do_not_occur_do_not_count():
    labels, guess = np.array([0, 1] * 50), np.array([0, 1] * 49 + [1, 0])
    low, high = macro_f1_delta_interval(labels, labels, guess)
    assert -0.1 < low < -0.02 < high <= 0
