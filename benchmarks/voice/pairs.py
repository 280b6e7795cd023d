"""Simulated pairs: a face of FER2013's test images and a sentence of the same expression, drawn at random."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar

from fer_zoo.contract import EXPRESSIONS, VOICE_EXPRESSIONS
from fer_zoo.data import Dataset
from fer_zoo.evaluation.metrics import evaluate_predictions
from fer_zoo.inference import Classifier
from fer_zoo.inference.prior import adapt, normalized
from fer_zoo.voice import fuse
from fer_zoo.voice.emodb import Sentence
from fer_zoo.voice.train import fit_temperature

from ..robustness.corruptions import corrupt
from .folds import CLEAN, NOISES, Predictions, in_fold
from .rows import PairRow

DRAWINGS, _PER_CLASS, _SEED = 20, 100, 2025
_CLASSES = len(VOICE_EXPRESSIONS)
_UNIFORM = np.full(_CLASSES, 1 / _CLASSES)
_LARGEST_WEIGHT = 4.0
NOISY_FACE = "face in Gaussian noise"
WRONG_FACE, WRONG_VOICE = "face of another expression", "voice of another expression"
SOURCES = ("face", "voice", "fused", "fused, weight 1")


@dataclass(frozen=True, eq=False)
class Faces:
    """Predictions of the faces of one split that show one of the voice's expressions.

    Attributes:
        labels: int `[n]`, index in `VOICE_EXPRESSIONS`.
        clean: float32 `[n, 6]`, of the six expressions, adapted to equal frequencies.
        noisy: The same for faces in noise.
    """

    labels: np.ndarray
    clean: np.ndarray
    noisy: np.ndarray


def predict_faces(dataset: Dataset, split: str, classifier: Classifier) -> Faces:
    """Predictions for the faces of a split, in the order of the data set."""
    test = dataset.subset("test")
    index = np.flatnonzero((test.splits == split) & (test.labels < _CLASSES))
    images = test.images[index]
    return Faces(
        test.labels[index],
        _six(classifier.predict_proba(images), classifier),
        _six(classifier.predict_proba(corrupt(images, "gaussian noise", 5)), classifier),
    )


def calibrated(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Probabilities with logits divided by a temperature."""
    powers = np.maximum(probabilities, 1e-12).astype(np.float64) ** (1 / temperature)
    return (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)


def calibrated_on_others(found: Predictions, sentences: Sequence[Sentence]) -> Predictions:
    """Predictions, each calibrated by the temperature that fits the clean sentences of all other folds."""
    labels = np.array([sentence.label for sentence in sentences])
    scaled = {name: values.copy() for name, values in found.items()}
    for _, inside in in_fold(sentences):
        temperature = fit_temperature(found[CLEAN][~inside], labels[~inside])
        for name, values in found.items():
            scaled[name][inside] = calibrated(values[inside], temperature)
    return scaled


def fit_weight(faces: Faces, voice: np.ndarray, labels: np.ndarray) -> float:
    """The weight of the voice in `fuse` under which the labels of pairs are most probable.

    Args:
        faces: Faces to draw from.
        voice: float `[n, 6]`, calibrated predictions of sentences.
        labels: int `[n]`, of the sentences.
    """
    face, sentence, truth = _draw(faces.labels, labels, np.random.default_rng(_SEED), 10 * _PER_CLASS)

    def loss(weight: float) -> float:
        fused = _fuse(faces.clean[face], voice[sentence], weight)
        return float(-np.log(fused[np.arange(len(truth)), truth]).mean())

    return float(minimize_scalar(loss, bounds=(0, _LARGEST_WEIGHT), method="bounded").x)


def measure_pairs(
    fitting: Faces, testing: Faces, found: Predictions, sentences: Sequence[Sentence]
) -> tuple[tuple[PairRow, ...], dict[str, float]]:
    """Rows for each condition and source, and the weight of each fold.

    The weight for the pairs of a fold is fitted on `fitting`'s faces and the sentences of all other folds; the rows are
    of `testing`'s faces and each fold's own sentences.

    Args:
        fitting: PublicTest's faces.
        testing: PrivateTest's faces.
        found: Calibrated predictions, each by a model that did not hear its speaker.
        sentences: Labels and speakers of `found`.
    """
    labels = np.array([sentence.label for sentence in sentences])
    weight_of, weights = np.empty(len(labels)), {}
    for name, inside in in_fold(sentences):
        weights[name] = fit_weight(fitting, found[CLEAN][~inside], labels[~inside])
        weight_of[inside] = weights[name]
    rows: list[PairRow] = []
    for condition in (CLEAN, WRONG_VOICE, *NOISES, WRONG_FACE, NOISY_FACE):
        answers: dict[str, list[np.ndarray]] = {source: [] for source in SOURCES}
        truths = []
        for number in range(DRAWINGS):
            generator = np.random.default_rng([_SEED, number])
            face, sentence, truth = _draw(testing.labels, labels, generator, _PER_CLASS)
            wrong = (truth + generator.integers(1, _CLASSES, len(truth))) % _CLASSES
            if condition == WRONG_FACE:
                face = _one_each(testing.labels, wrong, generator)
            if condition == WRONG_VOICE:
                sentence = _one_each(labels, wrong, generator)
            one = (testing.noisy if condition == NOISY_FACE else testing.clean)[face]
            other = found.get(condition, found[CLEAN])[sentence]
            answers["face"].append(one)
            answers["voice"].append(other)
            answers["fused"].append(_fuse_each(one, other, weight_of[sentence]))
            answers["fused, weight 1"].append(_fuse(one, other, 1.0))
            truths.append(truth)
        rows += [_row(condition, source, values, truths) for source, values in answers.items()]
    return tuple(rows), weights


def _six(probabilities: np.ndarray, classifier: Classifier) -> np.ndarray:
    """The first six of FER2013's expressions, adapted from the training frequencies to equal ones."""
    assert classifier.labels == EXPRESSIONS
    part = probabilities[:, :_CLASSES].astype(np.float64)
    return adapt(part / part.sum(axis=1, keepdims=True), normalized(classifier.known_prior()[:_CLASSES]), _UNIFORM)


def _fuse(face: np.ndarray, voice: np.ndarray, weight: float) -> np.ndarray:
    return fuse(face, voice, weight, labels=VOICE_EXPRESSIONS)


def _fuse_each(face: np.ndarray, voice: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """`fuse` with a weight for each pair."""
    fused = np.empty_like(face)
    for weight in np.unique(weights):
        same = weights == weight
        fused[same] = _fuse(face[same], voice[same], float(weight))
    return fused


def _draw(
    face_labels: np.ndarray, voice_labels: np.ndarray, generator: np.random.Generator, count: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs, `count` of each expression, with replacement: indices of faces and of sentences, and labels."""
    truth = np.repeat(np.arange(_CLASSES), count)
    return _one_each(face_labels, truth, generator), _one_each(voice_labels, truth, generator), truth


def _one_each(labels: np.ndarray, wanted: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """For each wanted label, the index of one that has it."""
    found = np.empty(len(wanted), int)
    for label in np.unique(wanted):
        places = wanted == label
        found[places] = generator.choice(np.flatnonzero(labels == label), int(places.sum()))
    return found


def _row(condition: str, source: str, answers: list[np.ndarray], truths: list[np.ndarray]) -> PairRow:
    accuracies = [float((answer.argmax(axis=1) == truth).mean()) for answer, truth in zip(answers, truths, strict=True)]
    exact = np.concatenate(answers).astype(np.float64)
    exact /= exact.sum(axis=1, keepdims=True)
    together = evaluate_predictions(exact, np.concatenate(truths), VOICE_EXPRESSIONS)
    return PairRow(
        condition,
        source,
        len(truths[0]),
        float(np.mean(accuracies)),
        float(np.std(accuracies, ddof=1)),
        together.nll,
        together.ece,
        {name: values["recall"] for name, values in together.per_class.items()},
    )
