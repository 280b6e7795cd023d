"""The result of `Classifier.analyze` for one face."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fer_zoo.faces.detector import Face


@dataclass(frozen=True, eq=False)
class FaceExpression(Face):
    """One face in an image and the expression on it.

    Attributes:
        probabilities: float32 `[classes]`, in the order of `Classifier.labels`.
        label: The most probable expression.

    Examples:
        >>> from fer_zoo import load_classifier
        >>> [face] = load_classifier("fernet_tiny:onnx:int8").analyze("photo.jpg")
        >>> face.label, face.probabilities.shape
        ('happy', (7,))
    """

    probabilities: np.ndarray
    label: str
