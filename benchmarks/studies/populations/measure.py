"""Measures predictions of the int8 ONNX files that are adapted to other populations.

FER2013's PrivateTest images are resampled so that the expressions occur as often as in other populations; and the test
images are labelled by other people (FER+).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fer_zoo.console import track
from fer_zoo.contract import EXPRESSIONS
from fer_zoo.cpu import cores
from fer_zoo.data import Dataset, majority_labels
from fer_zoo.evaluation.metrics import evaluate_predictions
from fer_zoo.inference import load_classifier
from fer_zoo.inference.prior import FACES_PER_CLASS, adapt, estimate_prior, normalized
from fer_zoo.zoo import Artifact, load_manifest, verified_path

from .rows import PopulationRow, Populations

_DRAWN, _SEED = 3000, 2025

# Frequencies of the expressions, in their order; `None` is the set of images without resampling.
POPULATIONS: dict[str, tuple[float, ...] | None] = {
    "PrivateTest as it is": None,
    "balanced": (1 / 7,) * 7,
    "mostly happy": (0.05, 0.02, 0.05, 0.60, 0.20, 0.04, 0.04),
    "distress": (0.30, 0.15, 0.25, 0.05, 0.05, 0.15, 0.05),
}
OTHER_RATERS = "labels of other raters"


def measure(dataset: Dataset, artifacts: Path, models: list[str], ferplus: Path | None = None) -> Populations:
    """Measure the int8 ONNX files of the seven-expression models.

    Args:
        dataset: A data set with PrivateTest images.
        artifacts: Folder of the manifest.
        models: Names of models; empty is all.
        ferplus: FER+'s votes; `None` is the bundled file.
    """
    test = dataset.subset("test")
    private = np.flatnonzero(test.splits == "private_test")
    sets = {name: _draw(test.labels, private, frequencies) for name, frequencies in POPULATIONS.items()}
    labels = {name: test.labels[index] for name, index in sets.items()}
    sets[OTHER_RATERS], labels[OTHER_RATERS] = _other_raters(test, ferplus)
    rows = []
    for artifact in track(int8_files(artifacts, models), "models"):
        predictions = load_classifier(verified_path(artifact, artifacts), threads=cores()).predict_proba(test.images)
        training = normalized(artifact.output["prior"])
        for name, index in sets.items():
            rows += rows_by_prior(artifact.model, artifact.sha256, name, predictions[index], labels[name], training)
    return Populations(dataset.source, dataset.fingerprint, _DRAWN, tuple(rows))


def int8_files(artifacts: Path, models: Sequence[str]) -> list[Artifact]:
    """The int8 ONNX files of the seven-expression models, cheapest first.

    Args:
        artifacts: Folder of the manifest.
        models: Names of models; empty is all.
    """
    files = [a for a in load_manifest(artifacts) if (a.format, a.precision) == ("onnx", "int8")]
    files = [a for a in files if tuple(a.output["labels"]) == EXPRESSIONS and (not models or a.model in models)]
    return sorted(files, key=lambda a: a.macs)


def rows_by_prior(
    model: str,
    sha256: str,
    population: str,
    predictions: np.ndarray,
    labels: np.ndarray,
    training: np.ndarray | None,
) -> list[PopulationRow]:
    """A row for each prior.

    Args:
        model: Name for the rows.
        sha256: SHA-256 of its file.
        population: Name for the rows.
        predictions: float `[n, 7]`, for the model's training population.
        labels: int `[n]`.
        training: float `[7]`, frequencies in training. Without them there is no row but `training`; with too few images
            for an estimate there is no row `estimated`.
    """
    priors: dict[str, np.ndarray | None] = {"training": None}
    if training is not None:
        priors["known"] = normalized(np.bincount(labels, minlength=len(EXPRESSIONS)))
        if len(predictions) >= FACES_PER_CLASS * len(EXPRESSIONS):
            priors["estimated"] = estimate_prior(predictions, training)
        priors["uniform"] = np.full(len(EXPRESSIONS), 1 / len(EXPRESSIONS))
    rows = []
    for prior, target in priors.items():
        adapted = predictions if training is None or target is None else adapt(predictions, training, target)
        evaluation = evaluate_predictions(adapted, labels, EXPRESSIONS)
        recall = {name: values["recall"] for name, values in evaluation.per_class.items() if values["support"]}
        rows.append(
            PopulationRow(
                model,
                sha256,
                population,
                prior,
                evaluation.n,
                evaluation.accuracy,
                evaluation.accuracy_interval,
                float(np.mean(list(recall.values()))),
                evaluation.nll,
                evaluation.ece,
                recall,
            )
        )
    return rows


def _draw(labels: np.ndarray, index: np.ndarray, frequencies: tuple[float, ...] | None) -> np.ndarray:
    if frequencies is None:
        return index
    own = labels[index]
    weights = (np.array(frequencies) / np.bincount(own, minlength=len(frequencies)))[own]
    return np.random.default_rng(_SEED).choice(index, _DRAWN, p=weights / weights.sum())


def _other_raters(test: Dataset, ferplus: Path | None) -> tuple[np.ndarray, np.ndarray]:
    """The test images whose FER+ raters agree on one of the seven expressions, and that expression."""
    majority = majority_labels(test, ferplus)
    position = {name: number for number, name in enumerate(test.names)}
    seven = majority.labels < len(EXPRESSIONS)
    index = np.array([position[name] for name in majority.names[seven]])
    return index, majority.labels[seven]
