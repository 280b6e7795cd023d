"""Measures voice_nano on speakers that it has not heard, beside baselines, and with faces on simulated pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from fer_zoo.contract import VOICE_EXPRESSIONS
from fer_zoo.data import Dataset
from fer_zoo.evaluation.metrics import evaluate_predictions
from fer_zoo.inference import Classifier
from fer_zoo.voice.emodb import Sentence
from fer_zoo.voice.features import RATE
from fer_zoo.voice.train import VoiceConfig, fit_temperature, parameters

from .baselines import egemaps, linear_predictions, pooled
from .folds import CLEAN, NOISES, cross_validate, fingerprint, in_fold
from .pairs import DRAWINGS, calibrated_on_others, fit_weight, measure_pairs, predict_faces
from .rows import MODEL, QUIET, VoiceReport, VoiceRow

_BOOTSTRAP, _SEED = 2000, 2025


def measure(
    sentences: Sequence[Sentence],
    source: str,
    config: VoiceConfig,
    seeds: Sequence[int] = (0,),
    opensmile: Path | None = None,
    dataset: Dataset | None = None,
    classifier: Classifier | None = None,
) -> VoiceReport:
    """Train and measure.

    Args:
        sentences: EmoDB's.
        source: Name of their file, for the report.
        config: Settings of the training; its seed is replaced.
        seeds: A cross-validation each, with and without noise; pairs are made of the first.
        opensmile: A Python that has opensmile; `None` leaves eGeMAPS out.
        dataset: FER2013; `None` leaves the pairs out.
        classifier: The face model of the pairs, of FER2013's expressions.
    """
    labels = np.array([sentence.label for sentence in sentences])
    rows, runs = [], []
    for model, settings in ((MODEL, config), (QUIET, replace(config, noisy_speeds=()))):
        for seed in seeds:
            found, cpu = cross_validate(sentences, replace(settings, seed=seed))
            runs.append((found, cpu))
            calibrated = calibrated_on_others(found, sentences)[CLEAN]
            row = _row(model, calibrated.argmax(axis=1), sentences, calibrated)
            noises = {name: recall_mean(found[name].argmax(axis=1), labels) for name in NOISES}
            rows.append(replace(row, seed=seed, noises=noises))
    features = {"pooled log-mel": pooled(sentences)}
    if opensmile:
        features["eGeMAPS (openSMILE)"] = egemaps(sentences, opensmile)
    for name, values in features.items():
        classes, probabilities = linear_predictions(values, sentences)
        rows.append(_row(f"{name}, logistic regression", classes, sentences, probabilities))
        rows.append(_row(f"{name}, linear SVM", linear_predictions(values, sentences, machine=True)[0], sentences))
    first = runs[0][0]
    report = VoiceReport(
        source=source,
        fingerprint=fingerprint(sentences),
        sentences=len(sentences),
        seconds=float(np.median([len(sentence.samples) for sentence in sentences]) / RATE),
        params=parameters(len(VOICE_EXPRESSIONS)),
        config={name: value for name, value in asdict(config).items() if isinstance(value, float)},
        training_cpu_seconds=sum(cpu for _, cpu in runs[: len(seeds)]),
        temperature=fit_temperature(first[CLEAN], labels),
        voices=tuple(rows),
    )
    if dataset is None or classifier is None:
        return report
    fitting, testing = (predict_faces(dataset, split, classifier) for split in ("public_test", "private_test"))
    calibrated_all = calibrated_on_others(first, sentences)
    pairs, weights = measure_pairs(fitting, testing, calibrated_all, sentences)
    return replace(
        report,
        face_model=classifier.path.parent.name,
        faces=len(testing.labels),
        fitting_faces=len(fitting.labels),
        drawings=DRAWINGS,
        weights=weights,
        weight=fit_weight(fitting, calibrated_all[CLEAN], labels),
        pairs=pairs,
    )


def recall_mean(classes: np.ndarray, labels: np.ndarray) -> float:
    """Unweighted average recall of the classes that occur in `labels`."""
    return float(np.mean([(classes[labels == label] == label).mean() for label in np.unique(labels)]))


def _row(
    model: str, classes: np.ndarray, sentences: Sequence[Sentence], probabilities: np.ndarray | None = None
) -> VoiceRow:
    labels = np.array([sentence.label for sentence in sentences])
    found = None
    if probabilities is not None:
        exact = probabilities.astype(np.float64)
        found = evaluate_predictions(exact / exact.sum(axis=1, keepdims=True), labels, VOICE_EXPRESSIONS)
    return VoiceRow(
        model=model,
        n=len(labels),
        recall_mean=recall_mean(classes, labels),
        recall_mean_interval=_interval(classes, sentences),
        accuracy=float((classes == labels).mean()),
        recall={
            name: float((classes[labels == index] == index).mean())
            for index, name in enumerate(VOICE_EXPRESSIONS)
            if (labels == index).any()
        },
        folds={name: recall_mean(classes[inside], labels[inside]) for name, inside in in_fold(sentences)},
        nll=found.nll if found else None,
        ece=found.ece if found else None,
    )


def _interval(classes: np.ndarray, sentences: Sequence[Sentence]) -> tuple[float, float]:
    """95 % interval of the unweighted average recall, by drawing speakers with replacement."""
    labels = np.array([sentence.label for sentence in sentences])
    speakers = np.array([sentence.speaker for sentence in sentences])
    by_speaker = [np.flatnonzero(speakers == speaker) for speaker in np.unique(speakers)]
    generator = np.random.default_rng(_SEED)
    means = []
    for _ in range(_BOOTSTRAP):
        chosen = generator.integers(len(by_speaker), size=len(by_speaker))
        index = np.concatenate([by_speaker[number] for number in chosen])
        means.append(recall_mean(classes[index], labels[index]))
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)
