"""Joins what a face and a voice say: a log-opinion pool (Genest and Zidek 1986, doi:10.1214/ss/1177013825)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fer_zoo.contract import EXPRESSIONS, VOICE_EXPRESSIONS
from fer_zoo.errors import UsageError

_SMALLEST = 1e-7


def fuse(
    face: np.ndarray | None,
    voice: np.ndarray | None,
    weight: float = 1.0,
    *,
    labels: Sequence[str] = EXPRESSIONS,
    voice_labels: Sequence[str] = VOICE_EXPRESSIONS,
    face_prior: np.ndarray | None = None,
    voice_prior: np.ndarray | None = None,
    prior: np.ndarray | None = None,
) -> np.ndarray:
    """Join the predictions of a face and of a voice that belong together.

    Each prediction is divided by the class frequencies that it was made for, which leaves what the face, or the voice,
    says by itself. Then p(class) ∝ prior · (face / face_prior) · (voice / voice_prior)^weight. With weight 1 this is
    Bayes' rule for face and voice that have nothing in common but the expression; where one exaggerates, another
    weight fits better. A class that the voice does not know (surprise) gets the factor 1 from it, so that the voice
    speaks neither for nor against it.

    Where one side is missing, the other one's own prediction counts in full, whatever the weight.

    Args:
        face: float `[n, classes]` or `[classes]`, calibrated, rows add up to 1; a row of NaN has no face. `None`: there
            is no face at all.
        voice: float `[n, voice classes]` or `[voice classes]`, in the same way.
        weight: Exponent of the voice, at least 0; 0 leaves the voice out where there is a face.
        labels: Classes of the face and of the result.
        voice_labels: Classes of the voice, all among `labels`.
        face_prior: float `[classes]`, the class frequencies that `face` is for; `None`: those of the result.
        voice_prior: float `[voice classes]`, the class frequencies that `voice` is for; `None`: all equal.
        prior: float `[classes]`, the class frequencies that the result is for; `None`: those of the face, or all equal
            if they are not given either.

    Returns:
        float32, shaped like `face`, or `[…, classes]` without one; rows add up to 1. A row with neither face nor voice
        is the prior.

    Raises:
        UsageError: The weight is below 0 or not finite, both sides are `None`, a shape does not fit the labels, a label
            of the voice is unknown, or a prior is not above 0.

    Examples:
        >>> import numpy as np
        >>> from fer_zoo import fuse
        >>> face = np.array([0.1, 0.0, 0.1, 0.4, 0.4, 0.0, 0.0])  # happy or neutral
        >>> voice = np.array([0.1, 0.1, 0.1, 0.5, 0.1, 0.1])  # happy
        >>> fuse(face, voice).round(2)
        array([0.04, 0.  , 0.04, 0.77, 0.15, 0.  , 0.  ], dtype=float32)
        >>> bool(np.allclose(fuse(face, None), face, atol=1e-6))
        True
    """
    if not 0 <= weight < np.inf:
        raise UsageError(f"the weight of the voice must be a number of at least 0, not {weight}")
    if face is None and voice is None:
        raise UsageError("there is neither a face nor a voice to fuse")
    if unknown := [label for label in voice_labels if label not in labels]:
        raise UsageError(f"the voice has a class {unknown[0]!r}; the face has {', '.join(labels)}")
    of_face = _prior(face_prior if face_prior is not None else prior, len(labels), "face")
    wanted = _prior(prior, len(labels), "result") if prior is not None else of_face
    face_part = _log_ratio(face, of_face, "face")
    known = _log_ratio(voice, _prior(voice_prior, len(voice_labels), "voice"), "voice")
    shape = (face_part if face_part is not None else known[..., :1]).shape[:-1]  # type: ignore[index]
    absent = np.full((*shape, len(labels)), np.nan)
    if known is not None:
        if known.shape[:-1] != shape:
            raise UsageError(f"there are {shape} faces and {known.shape[:-1]} voices: they must be as many")
        places = [list(labels).index(label) for label in voice_labels]
        # So that in the wanted population, too, the voice speaks neither for nor against what it does not know.
        share = wanted[places] / wanted[places].sum()
        known = known - np.log((np.exp(known) * share).sum(axis=-1, keepdims=True))
        voice_part = np.where(np.isnan(known).any(axis=-1, keepdims=True), np.nan, np.zeros_like(absent))
        voice_part[..., places] = known
    else:
        voice_part = absent
    face_part = absent if face_part is None else face_part
    no_face = np.isnan(face_part).any(axis=-1, keepdims=True)
    no_voice = np.isnan(voice_part).any(axis=-1, keepdims=True)
    exponent = np.where(no_face, 1.0, weight)
    logits = np.log(wanted) + np.where(no_face, 0, face_part) + exponent * np.where(no_voice, 0, voice_part)
    shares = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return (shares / shares.sum(axis=-1, keepdims=True)).astype(np.float32)


def _prior(values: np.ndarray | None, classes: int, side: str) -> np.ndarray:
    if values is None:
        return np.full(classes, 1 / classes)
    prior = np.asarray(values, np.float64)
    if prior.shape != (classes,) or not (prior > 0).all() or not np.isfinite(prior).all():
        raise UsageError(f"the prior of the {side} must be {classes} numbers above 0")
    return prior / prior.sum()


def _log_ratio(probabilities: np.ndarray | None, prior: np.ndarray, side: str) -> np.ndarray | None:
    """How many times as probable each class is as in the prior, as logarithm; NaN stays."""
    if probabilities is None:
        return None
    values = np.asarray(probabilities, np.float64)
    if values.ndim not in (1, 2) or values.shape[-1] != len(prior):
        raise UsageError(f"the {side} must be [n, {len(prior)}] or [{len(prior)}], not {list(values.shape)}")
    return np.log(np.maximum(values, _SMALLEST)) - np.log(prior)
