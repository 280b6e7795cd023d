"""Keras, on the backend that the variable `KERAS_BACKEND` names."""

from collections.abc import Callable

import keras
import numpy as np


def load(path: str) -> Callable[[np.ndarray], np.ndarray]:
    model = keras.saving.load_model(path, compile=False)
    return lambda images: model.predict_on_batch(images)
