"""Answers for another population."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fer_zoo import load_classifier, load_dataset
from fer_zoo.contract import EXPRESSIONS, FER2013_COUNTS, FERPLUS_EXPRESSIONS
from fer_zoo.errors import UsageError
from fer_zoo.evaluation.metrics import evaluate_predictions
from fer_zoo.inference import Classifier
from fer_zoo.inference.prior import adapt, estimate_prior, frequencies, normalized, parse_prior, prior_text
from fer_zoo.zoo import load_manifest

TRAINING = normalized(FER2013_COUNTS["train"])
UNIFORM = np.full(7, 1 / 7)
MOSTLY_HAPPY = np.array([0.05, 0.02, 0.05, 0.6, 0.2, 0.04, 0.04])
DISTRESS = np.array([0.3, 0.15, 0.25, 0.05, 0.05, 0.15, 0.05])


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return load_classifier("fernet_tiny:onnx:int8")


@pytest.fixture(scope="module")
def answers(classifier: Classifier) -> tuple[np.ndarray, np.ndarray]:
    """Answers for the PrivateTest images, and their labels."""
    images = load_dataset().subset("private_test")
    return classifier.predict_proba(images.images), images.labels


def _draw(labels: np.ndarray, population: np.ndarray) -> np.ndarray:
    weights = population[labels] / np.bincount(labels, minlength=7)[labels]
    return np.random.default_rng(0).choice(len(labels), 3000, p=weights / weights.sum())


def test_bayes_rule():
    adapted = adapt(np.array([[0.6, 0.3, 0.1]]), np.array([0.5, 0.25, 0.25]), np.array([0.25, 0.25, 0.5]))
    np.testing.assert_allclose(adapted, [[0.3 / 0.8, 0.3 / 0.8, 0.2 / 0.8]], rtol=1e-6)
    assert adapted.dtype == np.float32


def test_the_training_population_changes_nothing(answers):
    np.testing.assert_allclose(adapt(answers[0], TRAINING, TRAINING), answers[0], atol=1e-6)


def test_a_face_that_the_population_rules_out_gets_the_population():
    prior = np.array([0.0, 0.5, 0.5])
    assert adapt(np.array([[1.0, 0.0, 0.0]]), np.full(3, 1 / 3), prior).tolist() == [[0.0, 0.5, 0.5]]


@pytest.mark.parametrize("population", [UNIFORM, MOSTLY_HAPPY, DISTRESS], ids=["balanced", "happy", "distress"])
def test_adapted_answers_are_better_and_stay_calibrated(answers, population):
    probabilities, labels = answers
    drawn = _draw(labels, population)
    before = evaluate_predictions(probabilities[drawn], labels[drawn], EXPRESSIONS)
    estimated = estimate_prior(probabilities[drawn], TRAINING)
    for prior in (population, estimated):
        after = evaluate_predictions(adapt(probabilities[drawn], TRAINING, prior), labels[drawn], EXPRESSIONS)
        assert after.accuracy > before.accuracy + 0.01
        assert after.nll < before.nll - 0.05
        assert after.ece < before.ece
    assert np.abs(estimated - population).max() < 0.06


def test_em_finds_the_maximum_of_the_likelihood(answers):
    probabilities = answers[0][:300]
    found = estimate_prior(probabilities, TRAINING)

    def likelihood(prior: np.ndarray) -> float:
        return float(np.log(probabilities / TRAINING @ prior).sum())

    for class_ in range(7):
        for step in (-0.005, 0.005):
            moved = np.clip(found + step * (np.arange(7) == class_), 1e-9, None)
            assert likelihood(moved / moved.sum()) <= likelihood(found) + 1e-3


def test_a_classifier_for_a_population(classifier, answers):
    images = load_dataset().subset("private_test").images[:200]
    expected = adapt(answers[0][:200], TRAINING, UNIFORM)
    uniform = load_classifier("fernet_tiny:onnx:int8", prior="uniform")
    np.testing.assert_allclose(uniform.predict_proba(images), expected, atol=1e-6)
    np.testing.assert_allclose(classifier.training_prior, TRAINING)
    estimated = classifier.estimate_prior(images)
    assert tuple(estimated) == EXPRESSIONS
    assert sum(estimated.values()) == pytest.approx(1)
    by_call = load_classifier("fernet_tiny:onnx:int8", prior="estimate").predict_proba(images)
    np.testing.assert_allclose(
        load_classifier("fernet_tiny:onnx:int8", prior=estimated).predict_proba(images), by_call, atol=1e-6
    )


def test_too_few_faces_to_estimate_from():
    classifier = load_classifier("fernet_nano:onnx:int8", prior="estimate")
    with pytest.raises(UsageError, match="5 faces are too few to estimate how often each class occurs; it takes 70"):
        classifier.predict_proba(np.zeros((5, 48, 48), np.uint8))


def test_every_file_of_the_zoo_has_a_training_prior():
    for artifact in load_manifest(absent=True):
        assert len(artifact.output["prior"]) == len(artifact.output["labels"])
        assert min(artifact.output["prior"]) > 0


def test_a_file_that_does_not_tell_its_training_prior(tmp_path: Path):
    artifact = Path(load_classifier("fernet_nano:onnx:int8").path)
    (tmp_path / "model.onnx").write_bytes(artifact.read_bytes())
    assert load_classifier(tmp_path / "model.onnx").training_prior is None
    with pytest.raises(UsageError, match="does not record how often each class occurred"):
        load_classifier(tmp_path / "model.onnx", prior="uniform")


def test_mappings():
    assert frequencies({"happy": 0.4}, EXPRESSIONS, TRAINING)[3] == pytest.approx(0.4)
    part = frequencies({"happy": 0.4}, EXPRESSIONS, TRAINING)
    assert part.sum() == pytest.approx(1)
    assert part[0] / part[1] == pytest.approx(TRAINING[0] / TRAINING[1])
    counts = dict.fromkeys(EXPRESSIONS, 3) | {"sad": 6}
    assert frequencies(counts, EXPRESSIONS, TRAINING)[5] == pytest.approx(2 / 8)
    assert frequencies("fer2013", EXPRESSIONS, UNIFORM).tolist() == TRAINING.tolist()


@pytest.mark.parametrize(
    ("prior", "message"),
    [
        ("equal", "there is no prior 'equal'"),
        ({"joy": 0.5}, "names a class 'joy'"),
        ({"happy": -1}, "numbers of at least 0"),
        ({"happy": float("nan")}, "numbers of at least 0"),
        ({"happy": "many"}, "numbers of at least 0"),
        ({"happy": 0.7, "sad": 0.6}, "at most 1, not 1.3"),
        (dict.fromkeys(EXPRESSIONS, 0), "must not all be 0"),
    ],
)
def test_no_prior(prior, message):
    with pytest.raises(UsageError, match=message):
        frequencies(prior, EXPRESSIONS, TRAINING)


def test_fer2013_is_no_prior_of_eight_classes():
    with pytest.raises(UsageError, match="the model has other classes"):
        frequencies("fer2013", FERPLUS_EXPRESSIONS, np.full(8, 1 / 8))


def test_priors_of_a_command_line():
    assert parse_prior("uniform") == "uniform"
    assert parse_prior("happy=0.2, sad=.1") == {"happy": 0.2, "sad": 0.1}
    assert prior_text(parse_prior("happy=0.2, sad=.1")) == "happy=0.2,sad=0.1"
    for text in ("equal", "happy=", "happy=much"):
        with pytest.raises(UsageError):
            parse_prior(text)
