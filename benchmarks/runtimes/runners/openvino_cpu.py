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
    if model.input().element_type == openvino.Type.i8:
        # OpenVINO does not tell scales and zero points; those of full-integer files are 1 and 1/256, and -128.
        return lambda images: (compiled([np.round(images - 128).astype(np.int8)])[0] + np.float32(128)) / 256
    return lambda images: compiled([images])[0]
