"""fernet_base: the most accurate single network of the zoo that still runs in real time on one core."""

from __future__ import annotations

import keras

from fer_zoo.contract import EXPRESSIONS
from fer_zoo.models.blocks import classifier, conv_bn, image_input, residual_block


def fernet_base(classes: int = len(EXPRESSIONS), dropout: float = 0.2, squeeze: int = 16) -> keras.Model:
    """Build a squeeze-and-excitation ResNet for 48x48 faces: stages of 64, 128 and 256 channels at 24², 12² and 6².

    Args:
        classes: Number of expressions.
        dropout: Rate before the logits.
        squeeze: Reduction of squeeze-and-excitation; 0 leaves it out.

    Returns:
        A model from `image`, float32 `[batch, 48, 48, 1]` in 0..255, to `probabilities`, float32 `[batch, classes]`.
    """
    image, x = image_input()
    x = conv_bn(x, 32, "stem1")
    x = conv_bn(x, 64, "stem2", strides=2)
    for stage, filters in enumerate((64, 128, 256), start=1):
        x = residual_block(x, filters, f"stage{stage}a", strides=1 if stage == 1 else 2, squeeze=squeeze)
        x = residual_block(x, filters, f"stage{stage}b", squeeze=squeeze)
    return keras.Model(image, classifier(x, classes, dropout), name="fernet_base")
