from __future__ import annotations

import json
from math import log

import numpy as np
import pytest

from fer_zoo.contract import EXPRESSIONS
from fer_zoo.errors import FerZooError
from fer_zoo.evaluation import evaluate_predictions
from fer_zoo.evaluation.metrics import calibration_bins, wilson_interval

LABELS = np.array([0, 0, 0, 0, 1, 1, 1, 3, 3, 3])
PREDICTIONS = np.array([0, 0, 0, 1, 1, 1, 0, 3, 3, 0])


def certain(predictions: np.ndarray, confidence: float | np.ndarray) -> np.ndarray:
    """Rows with `confidence` for the prediction, the rest shared evenly."""
    confidence = np.broadcast_to(confidence, predictions.shape)
    rows = np.repeat((1 - confidence[:, None]) / 6, 7, axis=1)
    rows[np.arange(len(rows)), predictions] = confidence
    return rows.astype(np.float32)


def test_three_of_the_seven_classes_by_hand():
    evaluation = evaluate_predictions(certain(PREDICTIONS, 0.7), LABELS, EXPRESSIONS)
    assert evaluation.n == 10
    assert evaluation.accuracy == pytest.approx(0.7)
    angry, disgust, happy = (evaluation.per_class[name] for name in ("angry", "disgust", "happy"))
    assert angry == pytest.approx({"precision": 3 / 5, "recall": 3 / 4, "f1": 2 / 3, "support": 4})
    assert disgust == pytest.approx({"precision": 2 / 3, "recall": 2 / 3, "f1": 2 / 3, "support": 3})
    assert happy == pytest.approx({"precision": 1, "recall": 2 / 3, "f1": 4 / 5, "support": 3})
    assert evaluation.per_class["fear"] == {"precision": 0, "recall": 0, "f1": 0, "support": 0}
    assert evaluation.macro_precision == pytest.approx((3 / 5 + 2 / 3 + 1) / 3)
    assert evaluation.macro_recall == pytest.approx((3 / 4 + 2 / 3 + 2 / 3) / 3)
    assert evaluation.macro_f1 == pytest.approx((2 / 3 + 2 / 3 + 4 / 5) / 3)
    assert evaluation.weighted_f1 == pytest.approx((4 * 2 / 3 + 3 * 2 / 3 + 3 * 4 / 5) / 10)
    assert evaluation.nll == pytest.approx(-(7 * log(0.7) + 3 * log(0.05)) / 10, abs=1e-6)
    assert evaluation.ece == pytest.approx(0, abs=1e-6)


def test_rows_of_the_confusion_matrix_are_labels():
    evaluation = evaluate_predictions(certain(PREDICTIONS, 0.7), LABELS, EXPRESSIONS)
    assert evaluation.confusion[0] == (3, 1, 0, 0, 0, 0, 0)
    assert evaluation.confusion[1] == (1, 2, 0, 0, 0, 0, 0)
    assert evaluation.confusion[3] == (1, 0, 0, 2, 0, 0, 0)
    assert sum(map(sum, evaluation.confusion)) == 10


def test_confused_pairs_are_ordered_by_count():
    labels = np.array([2, 2, 2, 5, 5, 6])
    evaluation = evaluate_predictions(certain(np.array([5, 5, 2, 2, 5, 6]), 0.5), labels, EXPRESSIONS)
    pairs = [(pair.true, pair.predicted, pair.count) for pair in evaluation.confused_pairs]
    assert pairs == [("fear", "sad", 2), ("sad", "fear", 1)]
    assert evaluation.confused_pairs[0].share == pytest.approx(2 / 3)


def test_calibration_error_by_hand():
    labels = np.zeros(10, int)
    predictions = np.array([0, 0, 0, 1, 0, 0, 0, 1, 1, 1])
    confidence = np.array([0.95] * 4 + [0.55] * 6)
    evaluation = evaluate_predictions(certain(predictions, confidence), labels, EXPRESSIONS)
    assert evaluation.ece == pytest.approx(0.4 * abs(3 / 4 - 0.95) + 0.6 * abs(3 / 6 - 0.55), abs=1e-6)
    filled = [(round(bin.lower * 15), bin.count, bin.accuracy) for bin in evaluation.calibration if bin.count]
    assert filled == [(8, 6, 0.5), (14, 4, 0.75)]


def test_bins_hold_their_upper_edge():
    bins = calibration_bins(np.array([0.0, 0.5, 0.5001, 1.0]), np.array([False, True, True, True]), bins=2)
    assert [bin.count for bin in bins] == [2, 2]


@pytest.mark.parametrize(
    ("successes", "n", "interval"),
    [(5, 10, (0.2366, 0.7634)), (0, 10, (0, 0.2775)), (10, 10, (0.7225, 1)), (4257, 7178, (0.5817, 0.6044))],
)
def test_wilson_interval(successes, n, interval):
    assert wilson_interval(successes, n) == pytest.approx(interval, abs=1e-4)


def test_the_accuracy_without_train_copies_leaves_them_out():
    copies = np.zeros(10, bool)
    copies[[0, 1, 2, 9]] = True
    rest = evaluate_predictions(certain(PREDICTIONS, 0.7), LABELS, EXPRESSIONS, copies).without_train_copies
    assert (rest["n"], rest["accuracy"]) == (6, pytest.approx(4 / 6))
    assert rest["accuracy_interval"] == pytest.approx(wilson_interval(4, 6))
    assert evaluate_predictions(certain(PREDICTIONS, 0.7), LABELS, EXPRESSIONS).without_train_copies is None
    assert (
        evaluate_predictions(certain(PREDICTIONS, 0.7), LABELS, EXPRESSIONS, np.ones(10, bool)).without_train_copies
        is None
    )


def test_everything_goes_into_json():
    evaluation = evaluate_predictions(certain(PREDICTIONS, 0.7), LABELS, EXPRESSIONS, np.arange(10) < 3)
    content = json.loads(json.dumps(evaluation.to_json()))
    assert tuple(content["per_class"]) == EXPRESSIONS
    assert content["confusion"][0] == [3, 1, 0, 0, 0, 0, 0]
    assert content["confused_pairs"][0] == {"true": "angry", "predicted": "disgust", "count": 1, "share": 0.25}
    assert len(content["calibration"]) == 15


@pytest.mark.parametrize(
    ("probabilities", "labels", "words"),
    [
        (np.full((3, 5), 0.2), np.zeros(3, int), r"\[n, 7\], not \[3, 5\]"),
        (np.full((3, 7), 1 / 7), np.zeros(2, int), "3 rows"),
        (np.full((0, 7), 1 / 7), np.zeros(0, int), "no images"),
        (np.full((3, 7), 1 / 7), np.full(3, 7), "not 7..7"),
        (np.full((3, 7), np.nan), np.zeros(3, int), "NaN"),
        (np.full((3, 7), 3.0), np.zeros(3, int), "softmax"),
        (certain(np.zeros(3, int), 1.5), np.zeros(3, int), "softmax"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(probabilities, labels, words):
    with pytest.raises(FerZooError, match=words):
        evaluate_predictions(probabilities, labels, EXPRESSIONS)


def test_any_number_of_classes_with_names_of_ones_own():
    probabilities = np.array([[0.9, 0.1], [0.3, 0.7], [0.6, 0.4]])
    evaluation = evaluate_predictions(probabilities, np.array([0, 1, 1]), ("smile", "no smile"))
    assert evaluation.confusion == ((1, 0), (1, 1))
    assert list(evaluation.per_class) == ["smile", "no smile"]
    assert [(pair.true, pair.predicted) for pair in evaluation.confused_pairs] == [("no smile", "smile")]
