"""tinygrad on the CPU."""

from collections.abc import Callable

import numpy as np
from tinygrad import Tensor, TinyJit
from tinygrad.nn.onnx import OnnxRunner


def load(path: str) -> Callable[[np.ndarray], np.ndarray]:
    runner = OnnxRunner(path)
    # A jitted function is of one shape.
    compiled: dict[int, Callable[[Tensor], Tensor]] = {}

    def call(images: np.ndarray) -> np.ndarray:
        function = compiled.setdefault(
            len(images), TinyJit(lambda image: runner({"image": image})["probabilities"].realize())
        )
        return function(Tensor(np.ascontiguousarray(images)).realize()).numpy()

    return call
