from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score, recall_score

from fer_zoo.contract import EXPRESSIONS
from fer_zoo.errors import FerZooError
from fer_zoo.evaluation.parity import GATES, checks, compare, failures


@pytest.fixture
def reference() -> np.ndarray:
    return np.random.default_rng(0).dirichlet(np.ones(7), 500).astype("float32")


@pytest.fixture
def labels() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 7, 500)


def test_a_model_equals_itself(reference, labels):
    parity = compare(reference, reference, labels, EXPRESSIONS)
    assert (parity.n, parity.argmax_agreement, parity.max_abs_diff, parity.kl) == (500, 1, 0, 0)
    assert set(parity.per_class_recall_delta) == set(EXPRESSIONS)
    assert all(failures(parity, precision) == [] for precision in GATES)


def test_measures_equal_scikit_learn(reference, labels):
    candidate = np.random.default_rng(2).dirichlet(np.ones(7), 500)
    parity = compare(reference, candidate, labels, EXPRESSIONS)
    before, after = reference.argmax(1), candidate.argmax(1)
    f1 = [f1_score(labels, guess, average="macro") for guess in (before, after)]
    recall = [recall_score(labels, guess, average=None) for guess in (before, after)]
    assert parity.macro_f1_delta == pytest.approx(f1[1] - f1[0])
    assert list(parity.per_class_recall_delta.values()) == pytest.approx(recall[1] - recall[0])
    assert parity.accuracy_delta == pytest.approx((after == labels).mean() - (before == labels).mean())
    assert parity.argmax_agreement == pytest.approx((after == before).mean())


def test_known_differences():
    reference = np.eye(7)[[0, 1]] * 0.4 + 0.6 / 7
    candidate = np.eye(7)[[0, 2]] * 0.4 + 0.6 / 7
    parity = compare(reference, candidate, np.array([0, 1]), EXPRESSIONS)
    assert parity.argmax_agreement == 0.5
    assert parity.accuracy_delta == -0.5
    assert parity.max_abs_diff == pytest.approx(0.4)
    assert parity.mean_abs_diff == pytest.approx(0.8 / 14)
    high, low = 0.4 + 0.6 / 7, 0.6 / 7
    assert parity.kl == pytest.approx((high - low) * np.log(high / low) / 2)
    assert parity.per_class_recall_delta == {"angry": 0, "disgust": -1}


def test_a_class_without_images_counts_nowhere():
    probabilities = np.eye(7)[[0, 1]]
    parity = compare(probabilities, probabilities, np.array([0, 1]), EXPRESSIONS)
    assert parity.macro_f1_delta == 0
    assert set(parity.per_class_recall_delta) == {"angry", "disgust"}


def test_an_exact_zero_keeps_kl_finite():
    candidate = np.eye(7)[[0, 1]]
    assert np.isfinite(compare(candidate * 0.93 + 0.01, candidate, np.array([0, 1]), EXPRESSIONS).kl)


def test_gates_of_each_precision(reference, labels):
    shifted = reference.copy()
    shifted[0, :2] += (2e-4, -2e-4)
    shifted = compare(reference, shifted, labels, EXPRESSIONS)
    assert failures(shifted, "fp32") == [f"max_abs_diff is {shifted.max_abs_diff:.6g}, must be ≤ 0.0001"]
    assert failures(shifted, "fp16") == failures(shifted, "int8") == []

    flipped = reference.copy()
    order = flipped[:3].argsort(1)
    for row, ranks in enumerate(order):
        flipped[row, ranks[[-1, -2]]] = flipped[row, ranks[[-2, -1]]]
    flipped = compare(reference, flipped, reference.argmax(1), EXPRESSIONS)
    assert flipped.argmax_agreement == pytest.approx(0.994)
    assert [check.measure for check in checks(flipped, "fp32") if not check.passed] == [
        "argmax_agreement",
        "max_abs_diff",
    ]
    assert failures(flipped, "fp16") == ["argmax_agreement is 0.994, must be ≥ 99.5 %"]
    assert failures(flipped, "int8") == ["accuracy_delta is -0.006, must be within ±0.5 points"]


def test_int8_gate_is_two_sided(reference):
    better = reference[:, ::-1]
    assert failures(compare(reference, better, better.argmax(1), EXPRESSIONS), "int8")


def test_not_a_number_never_passes(reference, labels):
    broken = np.full_like(reference, np.nan)
    assert all(failures(compare(reference, broken, labels, EXPRESSIONS), precision) for precision in GATES)


@pytest.mark.parametrize(
    ("left", "right", "count"), [((5, 7), (5, 6), 5), ((5, 7), (4, 7), 5), ((5, 7), (5, 7), 4), ((0, 7), (0, 7), 0)]
)
def test_shapes_that_do_not_belong_together(left, right, count):
    with pytest.raises(FerZooError, match="cannot compare"):
        compare(np.ones(left), np.ones(right), np.zeros(count, int), EXPRESSIONS)


def test_unknown_precision(reference, labels):
    with pytest.raises(FerZooError, match="no parity gate for precision 'int4'"):
        failures(compare(reference, reference, labels, EXPRESSIONS), "int4")


def test_one_image_alone_misses_no_gate_for_agreement_or_accuracy():
    """A small test set: one answer of 40 is 2.5 %, five times what int8 may lose."""
    reference = np.tile([0.8, 0.2], (40, 1))
    for wrong, passed in ((1, True), (2, False)):
        candidate = reference.copy()
        candidate[:wrong] = [0.4, 0.6]
        parity = compare(reference, candidate, np.zeros(40, int), ("smile", "no smile"))
        assert [not failures(parity, precision) for precision in ("fp16", "int8")] == [passed, passed]
        assert failures(parity, "fp32")
