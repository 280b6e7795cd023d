"""tract, with the number of images left open."""

from collections.abc import Callable

import numpy as np
import tract


def load(path: str) -> Callable[[np.ndarray], np.ndarray]:
    model = tract.onnx().load(path)
    runnable = model.into_model().into_runnable()
    return lambda images: runnable.run([images])[0].to_numpy()
