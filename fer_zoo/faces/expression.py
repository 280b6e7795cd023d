"""What `Classifier.analyze` tells of a face."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fer_zoo.faces.detector import Face


@dataclass(frozen=True, eq=False)
class FaceExpression(Face):
    """One face in an image and the expression on it.

    Attributes:
        probabilities: float32 `[7]`, in the order of `Classifier.labels`.
        label: The most probable expression.
    """

    probabilities: np.ndarray
    label: str
