"""fernet_nano: less than 60,000 weights and 6 million multiply-accumulates, for a microsecond budget."""

from __future__ import annotations

import keras

from fer_zoo.expressions import EXPRESSIONS
from fer_zoo.models.residual import classifier, conv_bn, image_input, residual_block


def fernet_nano(classes: int = len(EXPRESSIONS), dropout: float = 0.0) -> keras.Model:
    """Build a plain ResNet that halves the map at once: stages of 24 and 40 channels at 12² and 6².

    Args:
        classes: Number of expressions.
        dropout: Rate before the logits.

    Returns:
        A model from `image`, float32 `[batch, 48, 48, 1]` in 0..255, to `probabilities`, float32 `[batch, classes]`.
    """
    image, x = image_input()
    x = conv_bn(x, 16, "stem1", strides=2)
    x = conv_bn(x, 24, "stem2", strides=2)
    x = residual_block(x, 24, "stage1a")
    x = residual_block(x, 24, "stage1b")
    x = residual_block(x, 40, "stage2a", strides=2)
    return keras.Model(image, classifier(x, classes, dropout), name="fernet_nano")
