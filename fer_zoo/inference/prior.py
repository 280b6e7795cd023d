"""Adapts predictions to a population in which the classes occur more or less often than in training.

A calibrated model gives p(class | image) for the population that it was trained on. Where the classes occur with other
frequencies and the faces of each class look the same (label shift), Bayes' rule gives the predictions for the new
population: each probability is multiplied by its class's new frequency over the old one, and each row divided by its
sum (logit adjustment after training, Menon et al. 2021, arXiv:2007.07314). Frequencies that nobody knows are estimated
from predictions without labels (Saerens, Latinne and Decaestecker 2002, doi:10.1162/089976602753284446).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

import numpy as np

from fer_zoo.contract import EXPRESSIONS, FER2013_COUNTS
from fer_zoo.errors import UsageError

NamedPrior = Literal["fer2013", "uniform", "estimate"]
Prior = NamedPrior | Mapping[str, float]
NAMED_PRIORS: tuple[NamedPrior, ...] = get_args(NamedPrior)

# Fewer faces than this for each class say little about how often the classes occur.
FACES_PER_CLASS = 10

_STEPS, _TOLERANCE = 1000, 1e-7


def adapt(probabilities: np.ndarray, training_prior: np.ndarray, prior: np.ndarray) -> np.ndarray:
    """Adapt predictions to a population with other class frequencies.

    Args:
        probabilities: float `[n, classes]`, rows add up to 1, of a model trained with the frequencies `training_prior`.
        training_prior: float `[classes]`, frequencies above 0 that add up to 1.
        prior: float `[classes]`, frequencies of at least 0 that add up to 1.

    Returns:
        float32 `[n, classes]`, rows add up to 1.

    Examples:
        >>> import numpy as np
        >>> from fer_zoo.inference.prior import adapt
        >>> adapt(np.array([[0.6, 0.4]]), np.array([0.9, 0.1]), np.array([0.5, 0.5])).round(3)
        array([[0.143, 0.857]], dtype=float32)
    """
    weighted = probabilities.astype(np.float64) * (prior / training_prior)
    # If every possible class of a row has frequency 0 in the new population, only the population itself is known.
    total = weighted.sum(axis=1, keepdims=True)
    return np.where(total > 0, weighted / np.where(total > 0, total, 1), prior).astype(np.float32)


def estimate_prior(probabilities: np.ndarray, training_prior: np.ndarray) -> np.ndarray:
    """Estimate how often each class occurs among unlabelled faces: the maximum-likelihood frequencies, by EM.

    Args:
        probabilities: float `[n, classes]`, rows add up to 1, for faces drawn from the new population.
        training_prior: float `[classes]`, frequencies above 0 that add up to 1.

    Returns:
        float64 `[classes]`, adding up to 1.

    Raises:
        UsageError: There are fewer than 10 faces for each class.
    """
    needed = FACES_PER_CLASS * len(training_prior)
    if len(probabilities) < needed:
        raise UsageError(
            f"{len(probabilities)} faces are too few to estimate how often each class occurs; it takes {needed}"
        )
    likelihood = probabilities.astype(np.float64) / training_prior
    prior = np.asarray(training_prior, np.float64)
    for _ in range(_STEPS):
        posterior = likelihood * prior
        updated = (posterior / np.maximum(posterior.sum(axis=1, keepdims=True), 1e-300)).mean(axis=0)
        updated /= updated.sum()
        change, prior = np.abs(updated - prior).max(), updated
        if change < _TOLERANCE:
            break
    return prior


def frequencies(prior: Prior, labels: tuple[str, ...], training_prior: np.ndarray) -> np.ndarray | None:
    """The frequencies that `prior` stands for.

    Args:
        prior: `fer2013`: as in FER2013's training images. `uniform`: all equal. A mapping of classes to frequencies:
            either of all classes, in any unit, or of some, adding up to at most 1; the other classes share the rest in
            proportion to `training_prior`. `estimate`: they are not known yet, `estimate_prior` computes them.
        labels: The model's classes.
        training_prior: float `[classes]`, adding up to 1.

    Returns:
        float64 `[classes]`, adding up to 1; `None` for `estimate`.

    Raises:
        UsageError: There is no such prior, a class is unknown, or the values are no frequencies.
    """
    if isinstance(prior, Mapping):
        return _of_mapping(prior, labels, training_prior)
    if prior == "estimate":
        return None
    if prior == "uniform":
        return np.full(len(labels), 1 / len(labels))
    if prior != "fer2013":
        raise UsageError(f"there is no prior {prior!r}; give {', '.join(NAMED_PRIORS)} or frequencies of classes")
    if labels != EXPRESSIONS:
        raise UsageError(f"the prior fer2013 is of {', '.join(EXPRESSIONS)}; the model has other classes")
    return normalized(FER2013_COUNTS["train"])


def _of_mapping(prior: Mapping[str, float], labels: tuple[str, ...], training_prior: np.ndarray) -> np.ndarray:
    if unknown := [name for name in prior if name not in labels]:
        raise UsageError(f"the prior names a class {unknown[0]!r}; the model has {', '.join(labels)}")
    if not all(isinstance(value, int | float) and 0 <= value < np.inf for value in prior.values()):
        raise UsageError("the frequencies of a prior must be numbers of at least 0")
    total = sum(prior.values())
    if len(prior) == len(labels):
        if not total:
            raise UsageError("the frequencies of a prior must not all be 0")
        return normalized([prior[name] for name in labels])
    if total > 1:
        raise UsageError(f"the frequencies of a part of the classes must add up to at most 1, not {total:g}")
    rest = np.array([0.0 if name in prior else old for name, old in zip(labels, training_prior, strict=True)])
    return np.array([prior.get(name, 0.0) for name in labels]) + (1 - total) * normalized(rest)


def parse_prior(text: str) -> Prior:
    """Read a prior in the form that the command line takes: a name, or `happy=0.2,sad=0.1`.

    Raises:
        UsageError: The text is neither.
    """
    if "=" not in text:
        name = next((name for name in NAMED_PRIORS if name == text), None)
        if name is None:
            raise UsageError(f"there is no prior {text!r}; give {', '.join(NAMED_PRIORS)}, or as in happy=0.2,sad=0.1")
        return name
    prior: dict[str, float] = {}
    for part in text.split(","):
        label, _, value = part.partition("=")
        try:
            prior[label.strip()] = float(value)
        except ValueError:
            raise UsageError(f"{part!r} is no class=frequency; write it as in happy=0.2,sad=0.1") from None
    return prior


def prior_text(prior: Prior) -> str:
    """A prior as text that `parse_prior` reads."""
    return prior if isinstance(prior, str) else ",".join(f"{name}={value:g}" for name, value in prior.items())


def normalized(counts: object) -> np.ndarray:
    """Divide counts or weights by their sum: float64 frequencies that add up to 1."""
    values = np.asarray(counts, np.float64)
    return values / values.sum()
