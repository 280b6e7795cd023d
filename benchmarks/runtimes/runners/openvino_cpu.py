"""OpenVINO on the CPU, float32 activations where the file has them."""

from collections.abc import Callable

import numpy as np
import openvino


def load(path: str) -> Callable[[np.ndarray], np.ndarray]:
    core = openvino.Core()
    settings = {"INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": "f32"}
    model = core.read_model(path)
    if path.endswith(".tflite"):
        model.reshape([-1, 48, 48, 1])
    compiled = core.compile_model(model, "CPU", settings)
    return lambda images: compiled([images])[0]
