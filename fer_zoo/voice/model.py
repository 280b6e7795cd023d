"""voice_nano: the expression of a voice from two seconds of log-mel spectrogram."""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras
from keras import layers

from fer_zoo.contract import VOICE_EXPRESSIONS
from fer_zoo.voice.features import FRAMES, MELS
from fer_zoo.voice.train import BANDS, FILTERS, PATCH, STRIDE

if TYPE_CHECKING:
    from fer_zoo.voice.train import VoiceWeights


def voice_nano(classes: int = len(VOICE_EXPRESSIONS), weights: VoiceWeights | None = None) -> keras.Model:
    """Build the network: one layer of filters, how active each is in each part of the spectrum, and a linear layer.

    Standard Keras layers only. `fer_zoo.voice.train` finds its weights without gradients.

    Args:
        classes: Number of expressions.
        weights: Weights of `fit_voice`; `None` leaves random ones.

    Returns:
        A model from `log_mel`, float32 `[batch, 128, 64, 1]` in 0..1, to `probabilities`, float32 `[batch, classes]`.
        Its last two layers are `logits` and `probabilities`.

    Examples:
        >>> from fer_zoo.voice.model import voice_nano
        >>> voice_nano().count_params() < 200_000
        True
    """
    log_mel = layers.Input((FRAMES, MELS, 1), name="log_mel")
    x = layers.Conv2D(FILTERS, PATCH, strides=STRIDE, activation="relu", name="filters")(log_mel)
    x = layers.AveragePooling2D((x.shape[1], x.shape[2] // BANDS), name="bands")(x)
    x = layers.Flatten(name="activity")(x)
    x = layers.Dense(classes, name="logits")(x)
    model = keras.Model(log_mel, layers.Softmax(dtype="float32", name="probabilities")(x), name="voice_nano")
    if weights is not None:
        model.get_layer("filters").set_weights([weights.filters.reshape(*PATCH, 1, -1), weights.thresholds])
        model.get_layer("logits").set_weights([weights.kernel, weights.bias])
    return model
