"""fernet_tiny: a residual network of less than 200,000 weights, for phones and browsers."""

from __future__ import annotations

import keras

from fer_zoo.contract import EXPRESSIONS
from fer_zoo.models.blocks import classifier, conv_bn, image_input, residual_block, separable_block


def fernet_tiny(classes: int = len(EXPRESSIONS), dropout: float = 0.1) -> keras.Model:
    """Build a ResNet for 48x48 faces: 32, 48, 96 and 192 channels at 24², 12² and 6², separable where it is smallest.

    Channels are multiples of 16, as in `fernet_nano`.

    Args:
        classes: Number of expressions.
        dropout: Rate before the logits.

    Returns:
        A model from `image`, float32 `[batch, 48, 48, 1]` in 0..255, to `probabilities`, float32 `[batch, classes]`.
    """
    image, x = image_input()
    x = conv_bn(x, 16, "stem1")
    x = conv_bn(x, 32, "stem2", strides=2)
    x = residual_block(x, 32, "stage1a")
    x = residual_block(x, 32, "stage1b")
    x = residual_block(x, 48, "stage2a", strides=2)
    x = residual_block(x, 48, "stage2b")
    x = separable_block(x, 96, "stage3a", strides=2)
    for letter in "bcd":
        x = separable_block(x, 96, f"stage3{letter}")
    x = separable_block(x, 192, "stage4")
    return keras.Model(image, classifier(x, classes, dropout), name="fernet_tiny")
