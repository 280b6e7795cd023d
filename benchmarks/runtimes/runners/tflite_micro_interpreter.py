"""TFLite for microcontrollers, by its Python interpreter; one image at a time."""

import os
import tempfile
from collections.abc import Callable

import numpy as np
from tflite_micro.python.tflite_micro import runtime

BATCHES = False


def load(path: str) -> Callable[[np.ndarray], np.ndarray]:
    interpreter = _interpreter(path)
    source, target = interpreter.get_input_details(0), interpreter.get_output_details(0)

    def call(images: np.ndarray) -> np.ndarray:
        interpreter.set_input(_quantized(images, source), 0)
        interpreter.invoke()
        return _floats(interpreter.get_output(0), target).reshape(1, -1)

    return call


def _interpreter(path: str) -> runtime.Interpreter:
    """The interpreter of a file. Why it refuses one, it prints to stderr, which becomes the message of its error."""
    stderr = os.dup(2)
    with open(path, "rb") as file, tempfile.TemporaryFile("w+") as printed:
        os.dup2(printed.fileno(), 2)
        try:
            return runtime.Interpreter.from_bytes(file.read())
        except RuntimeError as error:
            printed.seek(0)
            raise RuntimeError(" ".join(printed.read().split()) or str(error)) from error
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)


def facts(path: str) -> dict[str, int]:
    """The smallest arena in which the file runs, rounded up to a multiple of 256 bytes."""
    with open(path, "rb") as file:
        content = file.read()
    low, high = 0, 1 << 14
    while high - low > 1:
        size = (low + high) // 2
        try:
            runtime.Interpreter.from_bytes(content, arena_size=256 * size)
            high = size
        except Exception:
            low = size
    return {"arena_bytes": 256 * high}


def _quantized(images: np.ndarray, tensor: dict) -> np.ndarray:
    if tensor["dtype"] == np.float32:
        return np.ascontiguousarray(images)
    parameters, limits = tensor["quantization_parameters"], np.iinfo(tensor["dtype"])
    quantized = np.round(images / parameters["scales"]) + parameters["zero_points"]
    return np.clip(quantized, limits.min, limits.max).astype(tensor["dtype"])


def _floats(values: np.ndarray, tensor: dict) -> np.ndarray:
    if tensor["dtype"] == np.float32:
        return values
    parameters = tensor["quantization_parameters"]
    return (values.astype(np.float32) - parameters["zero_points"]) * parameters["scales"]
