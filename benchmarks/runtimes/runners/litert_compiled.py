"""LiteRT's CompiledModel on the CPU; one image at a time, since it does not resize."""

from collections.abc import Callable

import numpy as np
from ai_edge_litert.compiled_model import CompiledModel
from ai_edge_litert.hardware_accelerator import HardwareAccelerator

BATCHES = False


def load(path: str) -> Callable[[np.ndarray], np.ndarray]:
    model = CompiledModel.from_file(path, HardwareAccelerator.CPU)
    inputs, outputs = model.create_input_buffers(0), model.create_output_buffers(0)
    classes = model.get_output_buffer_requirements(0, 0)["buffer_size"] // 4

    def call(images: np.ndarray) -> np.ndarray:
        inputs[0].write(np.ascontiguousarray(images))
        model.run_by_index(0, inputs, outputs)
        return outputs[0].read(classes, np.float32).reshape(1, -1)

    return call
