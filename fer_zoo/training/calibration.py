"""Temperature scaling: probabilities that are as often right as they say (Guo et al. 2017, arXiv:1706.04599)."""

from __future__ import annotations

import keras
import numpy as np
from scipy.optimize import minimize_scalar


def calibrate(model: keras.Model, images: np.ndarray, labels: np.ndarray) -> float:
    """Divide the logits by the temperature of the lowest loss; the model's answers keep their order.

    The temperature goes into the weights of the layer `logits`: the model has no layer more than before.

    Args:
        model: A zoo model; changed in place.
        images: uint8 or float32 `[n, 48, 48]`, 0..255, none of which was trained on.
        labels: int `[n]`.

    Returns:
        The temperature, from 0.1 to 10.
    """
    logits = keras.Model(model.inputs, model.get_layer("logits").output)
    values = logits.predict(images[..., None].astype(np.float32), batch_size=256, verbose=0).astype(np.float64)
    temperature = fit_temperature(values, labels)
    layer = model.get_layer("logits")
    layer.set_weights([weight / temperature for weight in layer.get_weights()])
    return temperature


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """The temperature, from 0.1 to 10, at which logits, float `[n, classes]`, have the lowest cross-entropy."""
    own = logits[np.arange(len(labels)), labels]

    def loss(log_temperature: float) -> float:
        scale = np.exp(-log_temperature)
        return float(np.mean(np.logaddexp.reduce(logits * scale, axis=1) - own * scale))

    return float(np.exp(minimize_scalar(loss, bounds=(-np.log(10), np.log(10)), method="bounded").x))
