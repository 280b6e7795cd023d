"""The reference evaluator of onnx: plain NumPy, which defines the result of each operator."""

from collections.abc import Callable

import numpy as np
from onnx.reference import ReferenceEvaluator


def load(path: str) -> Callable[[np.ndarray], np.ndarray]:
    evaluator = ReferenceEvaluator(path)
    return lambda images: np.asarray(next(iter(evaluator.run(["probabilities"], {"image": images}))))
