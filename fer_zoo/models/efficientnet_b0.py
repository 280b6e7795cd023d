"""EfficientNet-B0."""

from __future__ import annotations

from itertools import zip_longest
from typing import Any

import keras
import numpy as np
from keras import layers

from fer_zoo.contract import EXPRESSIONS
from fer_zoo.errors import UsageError
from fer_zoo.models.rgb import expression_head, gray_image, to_rgb

_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def efficientnet_b0(
    classes: int = len(EXPRESSIONS),
    dropout: float = 0.3,
    size: int = 96,
    stem: str = "replicated",
    swish_beta: float = 1.0,
) -> keras.Model:
    """Build EfficientNet-B0 (Tan and Le 2019, arXiv:1905.11946) from keras.applications.

    The preprocessing inside the Keras model (a rescaling, a normalization, and one more rescaling that comes only with
    the ImageNet weights) is one rescaling here, the same function.

    Args:
        classes: Number of expressions.
        dropout: Rate before the logits.
        size: Pixels a side that the backbone sees.
        stem: How gray becomes RGB, `replicated` or `learned`.
        swish_beta: The activation is x * sigmoid(swish_beta * x) (Ramachandran et al. 2017, arXiv:1710.05941): 1 is
            the published network's, large ones come near ReLU, from which a training can go there in steps.

    Returns:
        A model from `image`, float32 `[batch, 48, 48, 1]` in 0..255, to `probabilities`, float32 `[batch, classes]`.
    """
    scale = [1 / (255 * deviation) for deviation in _DEVIATION]
    offset = [-mean / deviation for mean, deviation in zip(_MEAN, _DEVIATION, strict=True)]
    stock = keras.applications.EfficientNetB0(input_shape=(size, size, 3), include_top=False, weights=None)

    def call(layer: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(layer, layers.Rescaling):
            return to_rgb(args[0], size, scale, offset, stem)
        if isinstance(layer, layers.Normalization):
            return args[0]
        if swish_beta != 1 and isinstance(layer, layers.Activation):
            x = args[0]
            return layers.Multiply()([x, layers.Activation("sigmoid")(layers.Rescaling(swish_beta)(x))])
        return layer(*args, **kwargs)

    image = gray_image()
    backbone = keras.models.clone_model(stock, input_tensors=image, call_function=call)
    probabilities = expression_head(backbone.output, classes, dropout)
    return keras.Model(image, probabilities, name="efficientnet_b0")


def weights_from_lite0(model: keras.Model, lite0: keras.Model) -> None:
    """Give an EfficientNet-B0 the weights of a trained EfficientNet-Lite0, whose convolutions have the same shapes.

    Squeeze-and-excitation begins as the identity: its gates are 0.5 everywhere, which the convolutions behind them
    make up for. The activations stay swish, so that the network computes something else until it is trained. Logits
    are left as they are.

    Args:
        model: Of `efficientnet_b0`; changed in place.
        lite0: Of `efficientnet_lite0`, with the same `stem`.

    Raises:
        UsageError: Their stems differ.
    """
    pairs = list(zip_longest(_convolutions_and_norms(model), _convolutions_and_norms(lite0)))
    if None in pairs[-1]:
        raise UsageError("efficientnet_b0 and the efficientnet_lite0 that it starts from need the same stem")
    for ours, theirs in pairs:
        ours.set_weights(theirs.get_weights())
    for layer in model.layers:
        if layer.name.endswith("_se_expand"):
            layer.set_weights([np.zeros_like(weight) for weight in layer.get_weights()])
        if layer.name.endswith("_project_conv"):
            layer.set_weights([2 * layer.get_weights()[0]])
    # Lite0 sees (x - 127) / 128 in each channel, B0 ImageNet's standardized colors.
    stem, norm = model.get_layer("stem_conv"), model.get_layer("stem_bn")
    kernel = stem.get_weights()[0]
    scale, offset = 255 * np.array(_DEVIATION) / 128, (255 * np.array(_MEAN) - 127) / 128
    stem.set_weights([kernel * scale[:, None]])
    gamma, beta, mean, variance = norm.get_weights()
    norm.set_weights([gamma, beta, mean - np.einsum("hwio,i->o", kernel, offset), variance])


def _convolutions_and_norms(model: keras.Model) -> list[keras.layers.Layer]:
    kinds = (layers.Conv2D, layers.DepthwiseConv2D, layers.BatchNormalization)
    return [layer for layer in model.layers if isinstance(layer, kinds) and "_se_" not in layer.name]
