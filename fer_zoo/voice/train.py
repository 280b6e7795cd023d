"""Finds the weights of voice_nano without gradients, in NumPy and in seconds.

Filters are the principal components of whitened patches of spectrograms (Coates and Ng 2011; Chan et al. 2015,
arXiv:1404.3606), found without labels; what is behind them is linear discriminant analysis with shrinkage (Friedman
1989), each expression as frequent as the others.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fer_zoo.contract import VOICE_EXPRESSIONS
from fer_zoo.voice.emodb import Sentence
from fer_zoo.voice.features import FRAMES, MELS, log_mel
from fer_zoo.voice.noise import with_noise
from fer_zoo.voice.speech import inputs_of, spoken

# Of the one layer of filters: frames and mel bands of a patch, the step from one to the next, their number (half of
# them are the other half with the sign reversed), and the parts of the spectrum in which their activity is averaged.
PATCH, STRIDE, FILTERS, BANDS = (8, 10), 2, 48, 7

_PLACES = ((FRAMES - PATCH[0]) // STRIDE + 1, (MELS - PATCH[1]) // STRIDE + 1)
_PATCHES_OF_ONE = 60
# Exponents of the training's noise: white to brown.
_COLORS = 0.0, 2.0


@dataclass(frozen=True)
class VoiceConfig:
    """Settings of a training.

    Attributes:
        speeds: Each sentence is learned at these speeds; other pitch, too, as by resampling.
        noisy_speeds: At these it is learned once more, in noise of any color between white and brown.
        noise: Least and greatest signal-to-noise ratio of that, in decibels.
        threshold: What a filter's response, of unit variance, must exceed to count.
        whitening: Share of the mean variance that is added to each variance before it is divided by.
        shrinkage: Share of the covariance that is replaced by a multiple of the identity.
        seed: Seed of the choice of patches and of the noise.
    """

    speeds: tuple[float, ...] = (1.0, 0.9, 0.95, 1.05, 1.1)
    noisy_speeds: tuple[float, ...] = (1.0, 0.9, 1.1)
    noise: tuple[float, float] = (0.0, 30.0)
    threshold: float = 0.5
    whitening: float = 0.1
    shrinkage: float = 0.3
    seed: int = 0


@dataclass(frozen=True, eq=False)
class VoiceWeights:
    """The weights of a voice_nano.

    Attributes:
        filters: float32 `[patch values, FILTERS]`.
        thresholds: float32 `[FILTERS]`, added to a filter's response.
        kernel: float32 `[BANDS * FILTERS, classes]`.
        bias: float32 `[classes]`.
    """

    filters: np.ndarray
    thresholds: np.ndarray
    kernel: np.ndarray
    bias: np.ndarray


def fit_voice(sentences: Sequence[Sentence], config: VoiceConfig | None = None) -> VoiceWeights:
    """Find the weights.

    Args:
        sentences: Some of each expression.
        config: Settings; `None` is `VoiceConfig()`.

    Returns:
        Weights, not calibrated, whose probabilities are for equally frequent expressions.
    """
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    config = config or VoiceConfig()
    copies = [_input(sentence, speed) for speed in config.speeds for sentence in sentences]
    for speed in config.noisy_speeds:
        copies += [_noisy_input(sentence, speed, config.noise, config.seed) for sentence in sentences]
    inputs = np.stack(copies)
    labels = np.tile([sentence.label for sentence in sentences], len(inputs) // len(sentences))
    filters = _filters(inputs[: len(sentences)], config)
    thresholds = np.full(FILTERS, -config.threshold, np.float32)
    values = _activity(inputs, filters, thresholds)
    mean, deviation = values.mean(axis=0), values.std(axis=0) + 1e-6
    classes = len(VOICE_EXPRESSIONS)
    analysis = LinearDiscriminantAnalysis(
        solver="lsqr", shrinkage=config.shrinkage, priors=np.full(classes, 1 / classes)
    ).fit((values - mean) / deviation, labels)
    kernel = analysis.coef_.T / deviation[:, None]
    bias = analysis.intercept_ - mean @ kernel
    return VoiceWeights(filters, thresholds, kernel.astype(np.float32), bias.astype(np.float32))


def parameters(classes: int) -> int:
    """Number of weights of a voice_nano."""
    return (PATCH[0] * PATCH[1] + 1) * FILTERS + (BANDS * FILTERS + 1) * classes


def logits_of(weights: VoiceWeights, inputs: np.ndarray) -> np.ndarray:
    """The logits of voice_nano with these weights, in NumPy.

    Args:
        weights: Weights.
        inputs: float32 `[n, FRAMES, MELS, 1]` in 0..1.

    Returns:
        float32 `[n, classes]`.
    """
    return _activity(inputs, weights.filters, weights.thresholds) @ weights.kernel + weights.bias


def predict_sentences(weights: VoiceWeights, sentences: Sequence[Sentence]) -> np.ndarray:
    """The probabilities of each sentence, the mean of those of its windows: float32 `[n, classes]`."""
    rows = []
    for sentence in sentences:
        logits = logits_of(weights, inputs_of(sentence.samples))
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        rows.append((shares / shares.sum(axis=1, keepdims=True)).mean(axis=0))
    return np.stack(rows)


def calibrated(weights: VoiceWeights, temperature: float) -> VoiceWeights:
    """Weights whose logits are divided by a temperature (Guo et al. 2017, arXiv:1706.04599)."""
    kernel, bias = (values / np.float32(temperature) for values in (weights.kernel, weights.bias))
    return VoiceWeights(weights.filters, weights.thresholds, kernel, bias)


def fit_temperature(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """The temperature that makes the labels most probable, each expression as much as the others.

    Args:
        probabilities: float `[n, classes]`, rows add up to 1.
        labels: int `[n]`.
    """
    from scipy.optimize import minimize_scalar

    logs = np.log(np.maximum(probabilities.astype(np.float64), 1e-12))
    weight = 1 / np.bincount(labels)[labels]

    def loss(log_temperature: float) -> float:
        scaled = logs / np.exp(log_temperature)
        normalizer = np.log(np.exp(scaled - scaled.max(axis=1, keepdims=True)).sum(axis=1)) + scaled.max(axis=1)
        return float((weight * (normalizer - scaled[np.arange(len(labels)), labels])).sum())

    return float(np.exp(minimize_scalar(loss, bounds=(-3, 3), method="bounded").x))


# Of so many sentences and speeds that the folds of a cross-validation share them.
@functools.lru_cache(maxsize=4096)
def _input(sentence: Sentence, speed: float) -> np.ndarray:
    return log_mel(_faster(spoken(sentence.samples), speed))


@functools.lru_cache(maxsize=4096)
def _noisy_input(sentence: Sentence, speed: float, noise: tuple[float, float], seed: int) -> np.ndarray:
    """The sentence in its own noise; speech is cut out afterwards, as where it is heard."""
    generator = np.random.default_rng([seed, round(1000 * speed), *sentence.name.encode()])
    decibels, exponent = generator.uniform(*noise), generator.uniform(*_COLORS)
    return log_mel(spoken(with_noise(_faster(sentence.samples, speed), decibels, exponent, generator)))


def _faster(samples: np.ndarray, speed: float) -> np.ndarray:
    """The sound resampled, so that it lasts 1 / speed as long; its pitch is as many times as high."""
    places = np.arange(int(len(samples) / speed)) * speed
    return np.interp(places, np.arange(len(samples)), samples).astype(np.float32)


def _patches(spectrogram: np.ndarray, step: int) -> np.ndarray:
    """Patches of one input `[FRAMES, MELS, 1]`: float32 `[places over time, places over mel bands, patch values]`."""
    found = np.lib.stride_tricks.sliding_window_view(spectrogram[..., 0], PATCH)[::step, ::step]
    return found.reshape(*found.shape[:2], -1)


def _filters(inputs: np.ndarray, config: VoiceConfig) -> np.ndarray:
    """Whitened principal components of patches without their mean, each with both signs."""
    generator = np.random.default_rng(config.seed)
    chosen = []
    for spectrogram in inputs:
        patches = _patches(spectrogram, 1).reshape(-1, PATCH[0] * PATCH[1])
        chosen.append(patches[generator.choice(len(patches), _PATCHES_OF_ONE, replace=False)])
    patches = np.concatenate(chosen).astype(np.float64)
    patches -= patches.mean(axis=1, keepdims=True)
    variances, directions = np.linalg.eigh(patches.T @ patches / len(patches))
    variances, directions = variances[::-1][: FILTERS // 2], directions[:, ::-1][:, : FILTERS // 2]
    # The sign of an eigenvector is arbitrary; fixed, so that every machine finds the same order of filters.
    directions = directions * np.sign(directions[np.abs(directions).argmax(axis=0), np.arange(FILTERS // 2)])
    whitened = directions / np.sqrt(variances + config.whitening * variances.mean())
    whitened -= whitened.mean(axis=0)
    return np.concatenate([whitened, -whitened], axis=1).astype(np.float32)


def _activity(inputs: np.ndarray, filters: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """How active each filter is in each part of the spectrum: float32 `[n, BANDS * FILTERS]`."""
    rows = []
    for spectrogram in inputs:
        active = np.maximum(_patches(spectrogram, STRIDE) @ filters + thresholds, 0).mean(axis=0)
        rows.append(active.reshape(BANDS, _PLACES[1] // BANDS, FILTERS).mean(axis=1).ravel())
    return np.stack(rows)
