"""fernet_nano_landmark: fernet_nano, whose middle features are gated by maps of the landmarks that it finds."""

from __future__ import annotations

import keras

from fer_zoo.contract import EXPRESSIONS
from fer_zoo.models.blocks import classifier, image_input
from fer_zoo.models.fernet_nano import early_stages, late_stages
from fer_zoo.models.guidance import gate, landmark_head, landmark_maps


def fernet_nano_landmark(
    classes: int = len(EXPRESSIONS), dropout: float = 0.0, gated: bool = True, landmarks: bool = False
) -> keras.Model:
    """Build fernet_nano with a head that finds eyes, nose and mouth, and attention to them.

    At 12² the features are scaled by soft maps of five landmarks, which a small head regresses from the same features.
    Training teaches the head where the detector finds them (`--landmark-weight`); without that, the maps go wherever
    the expressions alone lead them.

    Args:
        classes: Number of expressions.
        dropout: Rate before the logits.
        gated: Whether the maps scale the features. Where they do not, the head is an auxiliary task alone, and the
            model without its second output is `fernet_nano`.
        landmarks: Give the landmarks as a second output, as `fer_zoo.models.guidance.with_landmarks` does for a trained
            model.

    Returns:
        A model from `image`, float32 `[batch, 48, 48, 1]` in 0..255, to `probabilities`, float32 `[batch, classes]`;
        with `landmarks` also to them, float32 `[batch, 5, 2]`, x and y as shares of the side.
    """
    image, x = image_input()
    middle = early_stages(x)
    points = landmark_head(middle)
    if gated:
        middle = gate(middle, landmark_maps(points, middle.shape[1]))
    probabilities = classifier(late_stages(middle), classes, dropout)
    return keras.Model(image, [probabilities, points] if landmarks else probabilities, name="fernet_nano_landmark")
