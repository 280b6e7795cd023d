"""LiteRT's CompiledModel on the CPU."""

from collections.abc import Callable

import numpy as np
from ai_edge_litert.compiled_model import CompiledModel, CpuOptions, Options
from ai_edge_litert.hardware_accelerator import HardwareAccelerator


def load(path: str) -> Callable[[np.ndarray], np.ndarray]:
    model = _model(path)
    # Full-integer files have a byte for each number; the scales are 1 and 1/256, the zero points -128.
    integers = model.get_input_buffer_requirements(0, 0)["buffer_size"] == 48 * 48
    inputs, outputs, size = [], [], 0

    def call(images: np.ndarray) -> np.ndarray:
        nonlocal inputs, outputs, size
        if len(images) != size:
            model.resize_input_tensor(0, images.shape)
            inputs, outputs = model.create_input_buffers(0), model.create_output_buffers(0)
            size = len(images)
        given = np.round(images - 128).astype(np.int8) if integers else np.ascontiguousarray(images)
        inputs[0].write(given)
        model.run_by_index(0, inputs, outputs)
        values = model.get_output_buffer_requirements(0, 0)["buffer_size"] // given.itemsize
        found = outputs[0].read(values, given.dtype).reshape(size, -1)
        return (found + np.float32(128)) / 256 if integers else found

    return call


def facts(path: str) -> dict[str, float]:
    """Whether the delegate has all operators; the runtime reports no more."""
    return {"accelerated": 1.0} if _model(path).is_fully_accelerated() else {}


def _model(path: str) -> CompiledModel:
    return CompiledModel.from_file(path, options=Options(HardwareAccelerator.CPU, CpuOptions(num_threads=1)))
