"""fernet_nano: less than 60,000 weights and 6 million multiply-accumulates, for a microsecond budget."""

from __future__ import annotations

import keras

from fer_zoo.contract import EXPRESSIONS
from fer_zoo.models.blocks import classifier, conv_bn, image_input, residual_block, separable_block, squeeze_excite


def fernet_nano(
    classes: int = len(EXPRESSIONS), dropout: float = 0.0, squeeze: int = 0, scales: bool = False, blur: bool = False
) -> keras.Model:
    """Build a network of 16, 32, 64 and 128 channels at 24², 12² and 6², separable where the map is smallest.

    Channels are multiples of 16, the lanes of a vector register, which kernels for training and inference are written
    for: batch normalization of 24 channels takes ten times as long in bfloat16.

    Args:
        classes: Number of expressions.
        dropout: Rate before the logits.
        squeeze: Reduction of squeeze-and-excitation at 12² and at the end; 0 leaves it out.
        scales: Classify from the 12² maps too, not from the 6² maps alone.
        blur: Halve maps by averages after a convolution instead of by its strides.

    Returns:
        A model from `image`, float32 `[batch, 48, 48, 1]` in 0..255, to `probabilities`, float32 `[batch, classes]`.
    """
    image, x = image_input()
    middle = early_stages(x, squeeze, blur)
    earlier = (middle,) if scales else ()
    return keras.Model(image, classifier(late_stages(middle, squeeze), classes, dropout, earlier), name="fernet_nano")


def early_stages(x: keras.KerasTensor, squeeze: int = 0, blur: bool = False) -> keras.KerasTensor:
    """From the scaled image, `[batch, 48, 48, 1]`, to 32 channels at 12²."""
    x = conv_bn(x, 16, "stem1", strides=2)
    x = conv_bn(x, 16, "stem2")
    x = conv_bn(x, 32, "stem3", strides=2, blur=blur)
    return residual_block(x, 32, "stage1", squeeze=squeeze)


def late_stages(x: keras.KerasTensor, squeeze: int = 0) -> keras.KerasTensor:
    """From what `early_stages` makes to 128 channels at 6²."""
    x = separable_block(x, 64, "stage2a", strides=2)
    for letter in "bcde":
        x = separable_block(x, 64, f"stage2{letter}")
    x = separable_block(x, 128, "stage3")
    return squeeze_excite(x, squeeze, "stage3_squeeze") if squeeze else x
