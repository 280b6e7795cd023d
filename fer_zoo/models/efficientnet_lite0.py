"""EfficientNet-Lite0: no squeeze-and-excitation, ReLU6 for swish."""

from __future__ import annotations

import keras
from keras import layers

from fer_zoo.contract import EXPRESSIONS
from fer_zoo.models.rgb import expression_head, gray_image, to_rgb

# Repeats, filters, kernel, stride of the first repeat, expansion: EfficientNet-B0's.
_STAGES = (
    (1, 16, 3, 1, 1),
    (2, 24, 3, 2, 6),
    (2, 40, 5, 2, 6),
    (3, 80, 3, 2, 6),
    (3, 112, 5, 1, 6),
    (4, 192, 5, 2, 6),
    (1, 320, 3, 1, 6),
)


def efficientnet_lite0(
    classes: int = len(EXPRESSIONS), dropout: float = 0.3, size: int = 96, stem: str = "replicated"
) -> keras.Model:
    """Build EfficientNet-Lite0, Google's variant of EfficientNet-B0 (arXiv:1905.11946) for integer hardware.

    Its published ImageNet weights are Apache-licensed.

    Args:
        classes: Number of expressions.
        dropout: Rate before the logits.
        size: Pixels a side that the backbone sees.
        stem: How gray becomes RGB, `replicated` or `learned`.

    Returns:
        A model from `image`, float32 `[batch, 48, 48, 1]` in 0..255, to `probabilities`, float32 `[batch, classes]`.
    """
    image = gray_image()
    x = to_rgb(image, size, 1 / 128, -127 / 128, stem)
    x = layers.Conv2D(32, 3, strides=2, padding="same", use_bias=False, name="stem_conv")(x)
    x = _normalized(x, "stem")
    block = 0
    for repeats, filters, kernel, stride, expansion in _STAGES:
        for repeat in range(repeats):
            x = _block(x, f"block{block}", filters, kernel, stride if repeat == 0 else 1, expansion)
            block += 1
    x = layers.Conv2D(1280, 1, use_bias=False, name="top_conv")(x)
    x = _normalized(x, "top")
    probabilities = expression_head(x, classes, dropout)
    return keras.Model(image, probabilities, name="efficientnet_lite0")


def _block(
    inputs: keras.KerasTensor, name: str, filters: int, kernel: int, stride: int, expansion: int
) -> keras.KerasTensor:
    """An inverted residual (arXiv:1801.04381): expand, filter each channel, project."""
    x = inputs
    if expansion > 1:
        x = layers.Conv2D(expansion * inputs.shape[-1], 1, use_bias=False, name=f"{name}_expand_conv")(x)
        x = _normalized(x, f"{name}_expand")
    x = layers.DepthwiseConv2D(kernel, stride, padding="same", use_bias=False, name=f"{name}_depthwise_conv")(x)
    x = _normalized(x, f"{name}_depthwise")
    x = layers.Conv2D(filters, 1, use_bias=False, name=f"{name}_project_conv")(x)
    x = layers.BatchNormalization(epsilon=1e-3, name=f"{name}_project_bn")(x)
    return layers.Add(name=f"{name}_add")([x, inputs]) if x.shape == inputs.shape else x


def _normalized(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    x = layers.BatchNormalization(epsilon=1e-3, name=f"{name}_bn")(x)
    return layers.ReLU(6.0, name=f"{name}_relu")(x)
