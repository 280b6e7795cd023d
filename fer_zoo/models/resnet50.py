"""ResNet-50 with a stem for small images."""

from __future__ import annotations

from typing import Any

import keras

from fer_zoo.contract import EXPRESSIONS
from fer_zoo.models.rgb import expression_head, gray_image, to_rgb

_MEAN_BGR = [103.939, 116.779, 123.68]


def resnet50(
    classes: int = len(EXPRESSIONS),
    dropout: float = 0.3,
    size: int = 48,
    stem: str = "replicated",
    stem_stride: int = 1,
) -> keras.Model:
    """Build ResNet-50 (He et al. 2016, arXiv:1512.03385) from keras.applications.

    Its stem takes every second pixel twice, which would leave a 2x2 map of a 48-pixel face. With `stem_stride=1` the
    first convolution keeps every pixel: the published weights still fit, a face need not be enlarged, and the
    last map is 3x3, as for 96 pixels with the published stride, for the same arithmetic.

    The last normalization of each residual block begins at a scale of 0, so that an untrained block passes its input on
    (Goyal et al. 2017, arXiv:1706.02677, section 5.1).

    Args:
        classes: Number of expressions.
        dropout: Rate before the logits.
        size: Pixels a side that the backbone sees.
        stem: How gray becomes BGR, `replicated` or `learned`.
        stem_stride: Stride of the first convolution; 2 as published.

    Returns:
        A model from `image`, float32 `[batch, 48, 48, 1]` in 0..255, to `probabilities`, float32 `[batch, classes]`.
    """
    stock = keras.applications.ResNet50(input_shape=(size, size, 3), include_top=False, weights=None)

    def clone(layer: keras.layers.Layer) -> keras.layers.Layer:
        config = layer.get_config()
        if layer.name == "conv1_conv":
            config["strides"] = stem_stride
        if layer.name.endswith("_3_bn"):
            config["gamma_initializer"] = "zeros"
        return type(layer).from_config(config)

    def call(layer: Any, *args: Any, **kwargs: Any) -> Any:
        if layer.name == "conv1_pad":
            return layer(to_rgb(args[0], size, 1.0, [-mean for mean in _MEAN_BGR], stem))
        return layer(*args, **kwargs)

    image = gray_image()
    backbone = keras.models.clone_model(stock, input_tensors=image, clone_function=clone, call_function=call)
    probabilities = expression_head(backbone.output, classes, dropout)
    return keras.Model(image, probabilities, name="resnet50")
