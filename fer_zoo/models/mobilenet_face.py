"""MobileNetV1 whose weights come from face recognition."""

from __future__ import annotations

import keras

from fer_zoo.contract import EXPRESSIONS
from fer_zoo.errors import UsageError
from fer_zoo.models.rgb import expression_head, gray_image, to_rgb

_MEAN_BGR = [103.939, 116.779, 123.68]
_BLOCKS = 13


def mobilenet_face(
    classes: int = len(EXPRESSIONS),
    dropout: float = 0.3,
    size: int = 96,
    stem: str = "replicated",
    blocks: int = _BLOCKS,
) -> keras.Model:
    """Build MobileNetV1 (Howard et al. 2017, arXiv:1704.04861) from keras.applications, for weights trained on faces.

    It stands for the original project's advice "VGGFace, specific to faces": published weights of this network were
    trained to recognize the people of VGGFace2 (Cao et al. 2018, arXiv:1710.08092). The code of those weights is
    MIT- or Apache-licensed; VGGFace2 itself is for research, so ask its owners before any other use.

    Args:
        classes: Number of expressions.
        dropout: Rate before the logits.
        size: Pixels a side that the backbone sees, a multiple of 32.
        stem: How gray becomes BGR, `replicated` or `learned`.
        blocks: Separable convolutions kept of the backbone's 13; the last one has a third of all weights.

    Returns:
        A model from `image`, float32 `[batch, 48, 48, 1]` in 0..255, to `probabilities`, float32 `[batch, classes]`.

    Raises:
        UsageError: Size, stem or blocks are impossible.
    """
    if not 1 <= blocks <= _BLOCKS:
        raise UsageError(f"blocks is {blocks}; it must be from 1 to {_BLOCKS}")
    image = gray_image()
    x = to_rgb(image, size, 1.0, [-mean for mean in _MEAN_BGR], stem)
    backbone = keras.applications.MobileNet(input_tensor=x, include_top=False, weights=None)
    x = backbone.get_layer(f"conv_pw_{blocks}_relu").output
    probabilities = expression_head(x, classes, dropout)
    return keras.Model(image, probabilities, name="mobilenet_face")
