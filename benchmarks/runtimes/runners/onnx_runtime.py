"""ONNX Runtime, with the execution provider that the variable `ONNX_PROVIDER` names."""

import os
from collections.abc import Callable

import numpy as np
import onnxruntime


def load(path: str) -> Callable[[np.ndarray], np.ndarray]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    provider = os.environ.get("ONNX_PROVIDER", "CPUExecutionProvider")
    session = onnxruntime.InferenceSession(path, options, providers=[provider])
    if session.get_providers()[0] != provider:
        raise RuntimeError(f"{provider} is not there, only {', '.join(session.get_providers())}")
    return lambda images: session.run(["probabilities"], {"image": images})[0]
