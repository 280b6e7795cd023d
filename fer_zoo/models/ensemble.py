"""Several models as one: the weighted mean of their probabilities."""

from __future__ import annotations

import keras
import numpy as np
from keras import layers

from fer_zoo.contract import EXPRESSIONS
from fer_zoo.errors import UsageError
from fer_zoo.models.baseline_cnn import baseline_cnn
from fer_zoo.models.mobilenet_v2 import mobilenet_v2
from fer_zoo.models.rgb import gray_image


def ensemble(
    classes: int = len(EXPRESSIONS),
    members: list[keras.Model] | None = None,
    weights: list[float] | None = None,
    temperature: float = 1.0,
    name: str = "ensemble",
) -> keras.Model:
    """Build one flat model from several: `(baseline + mobilenet) / 2` in the original project.

    The members' layers are copied, weights included, and named `<member>_<layer>`.

    Args:
        classes: Number of expressions, of the members too.
        members: Models on the zoo's contract; untrained `baseline_cnn` and `mobilenet_v2`, the original's pair, where
            not given.
        weights: One for each member, at least 0; they are scaled to the sum 1. All alike where not given.
        temperature: What the logits are divided by. The mean of calibrated members is too cautious: below 1 makes it
            more confident in its predictions.
        name: Name of the model, and of its exported files.

    Returns:
        A model from `image`, float32 `[batch, 48, 48, 1]` in 0..255, to `probabilities`, float32 `[batch, classes]`.
        Its `logits` are the logarithm of the mean, of which a softmax gives the mean again at temperature 1.

    Raises:
        UsageError: The weights do not fit the members.
    """
    members = members or [baseline_cnn(classes), mobilenet_v2(classes)]
    weights = weights or [1.0] * len(members)
    if len(weights) != len(members) or min(weights) < 0 or sum(weights) <= 0:
        raise UsageError(f"{len(members)} models need as many weights, at least 0 and not all 0, not {weights}")
    image = gray_image()
    outputs = [_copy(member, image, index) for index, member in enumerate(members, start=1)]
    shares = [
        layers.Rescaling(weight / sum(weights), dtype="float32", name=f"share{index}")(output)
        for index, (weight, output) in enumerate(zip(weights, outputs, strict=True), start=1)
    ]
    x = layers.Add(dtype="float32", name="mean")(shares) if len(shares) > 1 else shares[0]
    x = layers.Rescaling(1 / temperature, dtype="float32", name="logits")(keras.ops.log(x))
    return keras.Model(image, layers.Softmax(dtype="float32", name="probabilities")(x), name=name)


def fit_weights(probabilities: np.ndarray, labels: np.ndarray, rounds: int = 500) -> np.ndarray:
    """The mixture weights under which the labels are likeliest, by expectation maximization (a convex problem).

    Args:
        probabilities: float `[members, n, classes]`.
        labels: int `[n]`.
        rounds: Number of iterations.

    Returns:
        float64 `[members]`, at least 0, sum 1.
    """
    likelihoods = np.maximum(probabilities[:, np.arange(len(labels)), labels].astype(np.float64), 1e-12)
    weights = np.full(len(likelihoods), 1 / len(likelihoods))
    for _ in range(rounds):
        shares = weights[:, None] * likelihoods
        weights = (shares / shares.sum(0)).mean(1)
    return weights


def _copy(member: keras.Model, image: keras.KerasTensor, index: int) -> keras.KerasTensor:
    def clone(layer: keras.layers.Layer) -> keras.layers.Layer:
        return type(layer).from_config(layer.get_config() | {"name": f"{member.name}{index}_{layer.name}"})

    copy = keras.models.clone_model(member, input_tensors=image, clone_function=clone)
    copy.set_weights(member.get_weights())
    return copy.output
