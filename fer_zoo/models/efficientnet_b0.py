"""EfficientNet-B0."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from fer_zoo.contract import EXPRESSIONS
from fer_zoo.models.rgb import expression_head, gray_image, to_rgb

_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def efficientnet_b0(
    classes: int = len(EXPRESSIONS), dropout: float = 0.3, size: int = 96, stem: str = "replicated"
) -> keras.Model:
    """Build EfficientNet-B0 (Tan and Le 2019, arXiv:1905.11946) from keras.applications.

    The preprocessing inside the Keras model (a rescaling, a normalization, and one more rescaling that comes only with
    the ImageNet weights) is one rescaling here, the same function.

    Args:
        classes: Number of expressions.
        dropout: Rate before the logits.
        size: Pixels a side that the backbone sees.
        stem: How gray becomes RGB, `replicated` or `learned`.

    Returns:
        A model from `image`, float32 `[batch, 48, 48, 1]` in 0..255, to `probabilities`, float32 `[batch, classes]`.
    """
    scale = [1 / (255 * deviation) for deviation in _DEVIATION]
    offset = [-mean / deviation for mean, deviation in zip(_MEAN, _DEVIATION, strict=True)]
    stock = keras.applications.EfficientNetB0(input_shape=(size, size, 3), include_top=False, weights=None)

    def call(layer: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(layer, layers.Rescaling):
            return to_rgb(args[0], size, scale, offset, stem)
        return args[0] if isinstance(layer, layers.Normalization) else layer(*args, **kwargs)

    image = gray_image()
    backbone = keras.models.clone_model(stock, input_tensors=image, call_function=call)
    probabilities = expression_head(backbone.output, classes, dropout)
    return keras.Model(image, probabilities, name="efficientnet_b0")
