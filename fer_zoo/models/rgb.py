"""The input of an ImageNet backbone made from a gray face: enlarged, three channels, normalized as it was trained."""

from __future__ import annotations

import keras
from keras import layers

from fer_zoo.contract import IMAGE_SIZE
from fer_zoo.errors import UsageError

STEMS = ("replicated", "learned")


def gray_image() -> keras.KerasTensor:
    """The zoo's input, float32 `[batch, 48, 48, 1]` in 0..255."""
    return layers.Input((IMAGE_SIZE, IMAGE_SIZE, 1), name="image")


def to_rgb(
    image: keras.KerasTensor,
    size: int,
    scale: float | list[float],
    offset: float | list[float],
    stem: str = "replicated",
) -> keras.KerasTensor:
    """Resize bilinearly, make three channels, normalize.

    Args:
        image: `[batch, 48, 48, 1]`.
        size: Side in pixels, at least 32; nothing is resized at 48.
        scale: Factor, one for all channels or one for each.
        offset: Added after the scale, likewise.
        stem: `replicated` copies the gray channel; `learned` weighs it for each channel, equal to a copy at first.

    Returns:
        `[batch, size, size, 3]`.

    Raises:
        UsageError: Size or stem is impossible.
    """
    if size < 32:
        raise UsageError(f"size is {size}; the backbones need at least 32 pixels")
    if stem not in STEMS:
        raise UsageError(f"stem is {stem!r}; it must be one of {', '.join(STEMS)}")
    # Keras's Resizing takes training=True by default, and all layers after it would inherit that in a plain `model(x)`.
    x = image if size == IMAGE_SIZE else layers.Resizing(size, size, name="resizing")(image, training=False)
    if stem == "replicated":
        x = layers.Concatenate(name="rgb")([x, x, x])
        return layers.Rescaling(scale, offset, name="rescaling")(x)
    # Scaled to 0..1 first: rates are made for weights of that size.
    x = layers.Rescaling(1 / 255, name="unit")(x)
    x = layers.Conv2D(3, 1, kernel_initializer="ones", name="stem_rgb")(x)
    factor = [255 * s for s in scale] if isinstance(scale, list) else 255 * scale
    return layers.Rescaling(factor, offset, name="rescaling")(x)


def expression_head(x: keras.KerasTensor, classes: int, dropout: float, hidden: int = 0) -> keras.KerasTensor:
    """Average pooling, dropout, optionally a hidden layer, logits, and the probabilities that are returned.

    Layers of a head are named `head_…`, `logits` and `probabilities`: `fer_zoo.training.transfer` tells it from the
    backbone by that.
    """
    x = layers.GlobalAveragePooling2D(name="head_average")(x)
    x = layers.Dropout(dropout, name="head_dropout")(x)
    if hidden:
        x = layers.Dense(hidden, activation="swish", name="head_hidden")(x)
    x = layers.Dense(classes, name="logits")(x)
    return layers.Softmax(dtype="float32", name="probabilities")(x)
