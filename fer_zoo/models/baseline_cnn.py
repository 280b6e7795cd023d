"""The small CNN that the original project compares against transfer learning."""

from __future__ import annotations

import keras
from keras import layers

from fer_zoo.contract import EXPRESSIONS, IMAGE_SIZE


def baseline_cnn(classes: int = len(EXPRESSIONS), dropout: float = 0.3) -> keras.Model:
    """Build the baseline: three conv-BN-pool stages, global average pooling, one hidden layer; 128,391 weights.

    Args:
        classes: Number of expressions.
        dropout: Rate before the hidden layer.

    Returns:
        A model from `image`, float32 `[batch, 48, 48, 1]` in 0..255, to `probabilities`, float32 `[batch, classes]`.
    """
    image = layers.Input((IMAGE_SIZE, IMAGE_SIZE, 1), name="image")
    x = layers.Rescaling(1 / 255, name="rescaling")(image)
    for stage, filters in enumerate((32, 64, 128), start=1):
        x = _stage(x, filters, name=f"stage{stage}")
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    x = layers.Dropout(dropout, name="dropout")(x)
    x = layers.Dense(256, activation="swish", name="hidden")(x)
    x = layers.Dense(classes, name="logits")(x)
    return keras.Model(image, layers.Softmax(dtype="float32", name="probabilities")(x), name="baseline_cnn")


def _stage(x: keras.KerasTensor, filters: int, name: str) -> keras.KerasTensor:
    x = layers.Conv2D(filters, 3, padding="same", activation="relu", name=f"{name}_conv")(x)
    x = layers.BatchNormalization(name=f"{name}_bn")(x)
    return layers.MaxPooling2D(2, name=f"{name}_pool")(x)
