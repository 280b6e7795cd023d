"""The TFLite interpreter: of LiteRT, or of the older package tflite-runtime."""

import importlib.util
from collections.abc import Callable

import numpy as np

if importlib.util.find_spec("tflite_runtime"):
    from tflite_runtime.interpreter import Interpreter
else:
    from ai_edge_litert.interpreter import Interpreter


def load(path: str) -> Callable[[np.ndarray], np.ndarray]:
    interpreter = Interpreter(path, num_threads=1)
    (source,), (target,) = interpreter.get_input_details(), interpreter.get_output_details()
    size = 0

    def call(images: np.ndarray) -> np.ndarray:
        nonlocal size
        if len(images) != size:
            interpreter.resize_tensor_input(source["index"], images.shape)
            interpreter.allocate_tensors()
            size = len(images)
        interpreter.set_tensor(source["index"], _quantized(images, source))
        interpreter.invoke()
        return _floats(interpreter.get_tensor(target["index"]), target)

    return call


def _quantized(images: np.ndarray, tensor: dict) -> np.ndarray:
    """Images in the type of the file's input: float32, or integers for full-integer files."""
    if tensor["dtype"] == np.float32:
        return np.ascontiguousarray(images)
    scale, zero = tensor["quantization"]
    limits = np.iinfo(tensor["dtype"])
    return np.clip(np.round(images / scale) + zero, limits.min, limits.max).astype(tensor["dtype"])


def _floats(values: np.ndarray, tensor: dict) -> np.ndarray:
    if tensor["dtype"] == np.float32:
        return values
    scale, zero = tensor["quantization"]
    return (values.astype(np.float32) - zero) * scale
