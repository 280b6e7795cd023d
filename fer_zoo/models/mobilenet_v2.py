"""MobileNetV2 with the original project's head."""

from __future__ import annotations

import keras
from keras import layers

from fer_zoo.contract import EXPRESSIONS
from fer_zoo.models.rgb import expression_head, gray_image, to_rgb


def mobilenet_v2(
    classes: int = len(EXPRESSIONS),
    dropout: float = 0.5,
    size: int = 96,
    stem: str = "replicated",
    pool_padding: str = "same",
) -> keras.Model:
    """Build MobileNetV2 (Sandler et al. 2018, arXiv:1801.04381) from keras.applications with the original's head.

    The head is Conv2D 128 → MaxPool2D → GlobalAveragePooling2D → Dropout → Dense 256 swish → Dense 7. At 96 pixels the
    backbone leaves a 3x3 map, on which the original's drawing cannot be taken at its word: a 3x3 convolution without
    padding leaves one value, which no 2x2 pooling takes. The convolution is padded here. Then Keras's default pooling,
    `pool_padding="valid"`, is the literal reading: it sees four of the nine positions, and the average after it has one
    value to average. `"same"` sees all nine.

    Args:
        classes: Number of expressions.
        dropout: Rate before the hidden layer.
        size: Pixels a side that the backbone sees; the original's 96.
        stem: How gray becomes RGB, `replicated` or `learned`.
        pool_padding: `same`, or `valid` for the original's literal head.

    Returns:
        A model from `image`, float32 `[batch, 48, 48, 1]` in 0..255, to `probabilities`, float32 `[batch, classes]`.
    """
    image = gray_image()
    x = to_rgb(image, size, 1 / 127.5, -1.0, stem)
    x = keras.applications.MobileNetV2(input_tensor=x, include_top=False, weights=None).output
    x = layers.Conv2D(128, 3, padding="same", activation="relu", name="head_conv")(x)
    x = layers.MaxPooling2D(2, padding=pool_padding, name="head_pool")(x)
    probabilities = expression_head(x, classes, dropout, hidden=256)
    return keras.Model(image, probabilities, name="mobilenet_v2")
