"""MediaPipe's ImageClassifier on RGB images: `python classify_with_mediapipe.py IMAGES.npy MODEL.tflite …`.

Prints JSON: for each model the categories of each image, best first, as [index, name, Indonesian name, score].
"""

from __future__ import annotations

import json
import sys

import numpy as np


def classify(path: str, images: np.ndarray) -> list[list[tuple[int, str, str, float]]]:
    import mediapipe
    from mediapipe.tasks.python import BaseOptions
    from mediapipe.tasks.python.vision import ImageClassifier, ImageClassifierOptions

    options = ImageClassifierOptions(base_options=BaseOptions(model_asset_path=path), display_names_locale="id")
    found = []
    with ImageClassifier.create_from_options(options) as classifier:
        for image in images:
            result = classifier.classify(mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=image))
            (head,) = result.classifications
            found.append([(c.index, c.category_name, c.display_name, c.score) for c in head.categories])
    return found


if __name__ == "__main__":
    # MediaPipe would import all of TensorFlow for a decorator of its documentation, and does without.
    sys.modules["tensorflow"] = None  # type: ignore[assignment]
    images = np.load(sys.argv[1])
    print(json.dumps([classify(path, images) for path in sys.argv[2:]]))
