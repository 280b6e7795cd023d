"""Calibrated probabilities: temperature scaling (Guo et al. 2017, arXiv:1706.04599), and with an offset for each class
too, bias-corrected temperature scaling (Alexandari et al. 2020, arXiv:1901.06852)."""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np
from scipy.optimize import minimize, minimize_scalar

from fer_zoo.inference.predictor import Predictor


@dataclass(frozen=True)
class Calibration:
    """The result of `calibrate`.

    Attributes:
        temperature: Their divisor, 0.1 to 10.
        offsets: What was added to the quotients, float64 `[classes]` of mean 0; all 0 where none were fitted.
    """

    temperature: float
    offsets: np.ndarray

    def facts(self, expressions: tuple[str, ...]) -> dict[str, str]:
        """For a report; with offsets only where there are any."""
        facts = {"temperature": f"{self.temperature:.3f}, in the weights of `logits`"}
        if self.offsets.any():
            named = zip(expressions, self.offsets, strict=True)
            facts["offsets"] = ", ".join(f"{name} {offset:+.2f}" for name, offset in named)
        return facts


def calibrate(model: keras.Model, images: np.ndarray, labels: np.ndarray, class_offsets: bool = False) -> Calibration:
    """Divide the logits by the temperature of the lowest loss; without offsets the ranking of the classes stays.

    Temperature and offsets become part of the weights of the layer `logits`; no layer is added.

    Args:
        model: A zoo model; changed in place.
        images: uint8 or float32 `[n, 48, 48]`, 0..255, none of which was trained on.
        labels: int `[n]`.
        class_offsets: Whether an offset is added to the scaled logits of each class, too.
    """
    fitted = _fit(logits_of(model)(images[..., None]).astype(np.float64), labels, class_offsets)
    layer = model.get_layer("logits")
    kernel, bias = layer.get_weights()
    layer.set_weights([kernel / fitted.temperature, bias / fitted.temperature + fitted.offsets])
    return fitted


def calibrated_loss(logits: np.ndarray, labels: np.ndarray, class_offsets: bool = False) -> float:
    """The cross-entropy of a model after `calibrate` on the images of these logits, float `[n, classes]`."""
    logits = logits.astype(np.float64)
    fitted = _fit(logits, labels, class_offsets)
    return _loss(logits / fitted.temperature + fitted.offsets, labels)


def logits_of(model: keras.Model) -> Predictor:
    """Predicts the logits of a zoo model, float32 `[n, classes]`, with the weights that it has at each call."""
    return Predictor(keras.Model(model.input, model.get_layer("logits").output))


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """The temperature, from 0.1 to 10, at which logits, float `[n, classes]`, have the lowest cross-entropy."""
    limits = (-np.log(10), np.log(10))
    optimum = minimize_scalar(lambda x: _loss(logits * np.exp(-x), labels), bounds=limits, method="bounded")
    return float(np.exp(optimum.x))


def fit_offsets(logits: np.ndarray, labels: np.ndarray, temperature: float) -> tuple[float, np.ndarray]:
    """The temperature and the offsets, float64 `[classes]` of mean 0, of the lowest cross-entropy.

    Args:
        logits: float64 `[n, classes]`.
        labels: int `[n]`.
        temperature: Initial value of the search.
    """
    classes = logits.shape[1]

    def loss(values: np.ndarray) -> float:
        return _loss(logits * np.exp(-values[0]) + values[1:], labels)

    limit = np.log(10)
    start = np.append(np.log(temperature), np.zeros(classes))
    # Offsets of a class that is never the label would fall without end.
    parameters = minimize(loss, start, method="L-BFGS-B", bounds=[(-limit, limit)] * (1 + classes)).x
    return float(np.exp(parameters[0])), parameters[1:] - parameters[1:].mean()


def _fit(logits: np.ndarray, labels: np.ndarray, class_offsets: bool) -> Calibration:
    temperature = fit_temperature(logits, labels)
    if class_offsets:
        return Calibration(*fit_offsets(logits, labels, temperature))
    return Calibration(temperature, np.zeros(logits.shape[1]))


def _loss(logits: np.ndarray, labels: np.ndarray) -> float:
    return float(np.mean(np.logaddexp.reduce(logits, axis=1) - logits[np.arange(len(labels)), labels]))
