"""Baselines of the voice: linear models on pooled log-mel features, and on openSMILE's eGeMAPS."""

from __future__ import annotations

import subprocess
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from fer_zoo.errors import FerZooError
from fer_zoo.voice.emodb import Sentence
from fer_zoo.voice.features import RATE
from fer_zoo.voice.speech import inputs_of, spoken

from .folds import in_fold

_CALL = Path(__file__).with_name("egemaps_call.py")
_STRENGTHS = (0.001, 0.01, 0.1, 1.0)
_LIMIT = 1800.0


def pooled(sentences: Sequence[Sentence]) -> np.ndarray:
    """Mean, deviation and two percentiles over time of each mel band, of what the model sees: float32 `[n, 256]`."""
    rows = []
    for sentence in sentences:
        frames = np.concatenate(list(inputs_of(sentence.samples)))[..., 0]
        low, high = np.percentile(frames, [10, 90], axis=0)
        rows.append(np.concatenate([frames.mean(axis=0), frames.std(axis=0), low, high]))
    return np.stack(rows).astype(np.float32)


def egemaps(sentences: Sequence[Sentence], python: Path) -> np.ndarray:
    """The 88 functionals of eGeMAPSv02, by the openSMILE of another Python, of the speech alone: float32 `[n, 88]`.

    Raises:
        FerZooError: That Python does not exist or has no opensmile.
    """
    with tempfile.TemporaryDirectory() as folder:
        sounds, features = Path(folder) / "sounds.npz", Path(folder) / "features.npy"
        parts = {str(number): spoken(sentence.samples) for number, sentence in enumerate(sentences)}
        np.savez(sounds, rate=np.array(RATE), **parts)  # type: ignore[arg-type]
        try:
            command = [str(python), str(_CALL), str(sounds), str(features)]
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_LIMIT)
        except FileNotFoundError as error:
            raise FerZooError(f"there is no {python}") from error
        if done.returncode:
            raise FerZooError(f"opensmile failed: {(done.stderr.strip().splitlines() or ['no message'])[-1]}")
        return np.load(features)


def linear_predictions(
    features: np.ndarray, sentences: Sequence[Sentence], machine: bool = False
) -> tuple[np.ndarray, np.ndarray | None]:
    """Class indices `[n]`, each by a model that did not hear the speaker; of regressions probabilities, too.

    Features are standardized by the training speakers; the penalty is chosen on these, in four folds.

    Args:
        features: float `[n, d]`.
        sentences: Their labels and speakers.
        machine: A linear support vector machine, in place of a logistic regression.
    """
    labels = np.array([sentence.label for sentence in sentences])
    speakers = np.array([sentence.speaker for sentence in sentences])
    classes = np.empty(len(labels), int)
    probabilities = None if machine else np.zeros((len(labels), labels.max() + 1))
    for _, inside in in_fold(sentences):
        search = _search(machine, len(set(speakers[~inside])))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            search.fit(features[~inside], labels[~inside], groups=speakers[~inside])
        classes[inside] = search.predict(features[inside])
        if probabilities is not None:
            probabilities[inside] = search.predict_proba(features[inside])
    return classes, probabilities


def _search(machine: bool, speakers: int) -> Any:
    last: Any = SVC(kernel="linear", class_weight="balanced")
    if not machine:
        last = LogisticRegression(class_weight="balanced", max_iter=500)
    name = "svc__C" if machine else "logisticregression__C"
    grid = {name: list(_STRENGTHS)}
    return GridSearchCV(
        make_pipeline(StandardScaler(), last), grid, scoring="recall_macro", cv=GroupKFold(min(4, speakers))
    )
