"""MediaPipe's ImageClassifier on RGB images, one at a time."""

from collections.abc import Callable

import mediapipe
import numpy as np
from mediapipe.tasks.python import BaseOptions
from mediapipe.tasks.python.vision import ImageClassifier, ImageClassifierOptions

BATCHES = False


def load(path: str) -> Callable[[np.ndarray], np.ndarray]:
    classifier = ImageClassifier.create_from_options(
        ImageClassifierOptions(base_options=BaseOptions(model_asset_path=path))
    )

    def call(images: np.ndarray) -> np.ndarray:
        rgb = np.repeat(images[0].astype(np.uint8), 3, axis=2)
        result = classifier.classify(mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=rgb))
        scores = {category.index: category.score for category in result.classifications[0].categories}
        return np.array([[scores[index] for index in range(len(scores))]], np.float32)

    return call
