"""fernet_nano: less than 60,000 weights and 5 million multiply-accumulates, for a microsecond budget."""

from __future__ import annotations

import keras

from fer_zoo.expressions import EXPRESSIONS
from fer_zoo.models.residual import classifier, conv_bn, image_input, residual_block


def fernet_nano(classes: int = len(EXPRESSIONS), dropout: float = 0.0) -> keras.Model:
    """Build a plain network that halves the map at once: 16, 32 and 48 channels at 24², 12² and 6².

    Channels are multiples of 16, the lanes of a vector register, which kernels for training and inference are written
    for: batch normalization of 24 channels takes ten times as long in bfloat16.

    Args:
        classes: Number of expressions.
        dropout: Rate before the logits.

    Returns:
        A model from `image`, float32 `[batch, 48, 48, 1]` in 0..255, to `probabilities`, float32 `[batch, classes]`.
    """
    image, x = image_input()
    x = conv_bn(x, 16, "stem1", strides=2)
    x = conv_bn(x, 32, "stem2", strides=2)
    x = residual_block(x, 32, "stage1")
    x = conv_bn(x, 48, "stage2_1", strides=2)
    x = conv_bn(x, 48, "stage2_2")
    return keras.Model(image, classifier(x, classes, dropout), name="fernet_nano")
