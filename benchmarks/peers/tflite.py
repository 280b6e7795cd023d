"""The float32 ONNX twin of a TensorFlow Lite file whose weights alone are integers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fer_zoo.console import native_messages_dropped
from fer_zoo.errors import FerZooError, UsageError

from .network import import_onnx

if TYPE_CHECKING:
    from onnx import ModelProto


def to_onnx(path: Path) -> ModelProto:
    """Convert with tf2onnx, dequantize the weights, and let the batch vary.

    Args:
        path: A `.tflite` file with one float input `[1, height, width, channels]`.

    Raises:
        UsageError: tf2onnx is not installed.
        FerZooError: The file cannot be converted.
    """
    onnx = import_onnx()
    try:
        with native_messages_dropped():
            from tf2onnx.convert import from_tflite
    except ImportError as error:
        raise UsageError("tf2onnx is not installed; run `pip install 'fer-zoo[export]'` to convert a peer") from error
    try:
        with native_messages_dropped():
            model, _ = from_tflite(str(path), opset=17)
    except Exception as error:  # tf2onnx has no exceptions of its own.
        raise FerZooError(f"{path} cannot be converted to ONNX: {error}") from error
    return with_float_weights(onnx, model)


def with_float_weights(onnx: Any, model: ModelProto) -> ModelProto:
    """`model` with its constants dequantized, its one input called `image` and its batch dimension dynamic."""
    graph = model.graph
    constants = {weight.name: onnx.numpy_helper.to_array(weight) for weight in graph.initializer}
    for node in [node for node in graph.node if node.op_type == "DequantizeLinear"]:
        axis = next((attribute.i for attribute in node.attribute if attribute.name == "axis"), 1)
        constants[node.output[0]] = _dequantized([constants[name] for name in node.input], axis)
        graph.node.remove(node)
    used = {name for node in graph.node for name in node.input}
    del graph.initializer[:], graph.value_info[:]
    for node in graph.node:
        if node.op_type == "Reshape" and constants[node.input[1]][0] == 1:
            constants[node.input[1]] = np.concatenate([[-1], constants[node.input[1]][1:]]).astype(np.int64)
    graph.initializer.extend(
        onnx.numpy_helper.from_array(np.ascontiguousarray(value), name)
        for name, value in constants.items()
        if name in used
    )
    source = graph.input[0].name
    for node in graph.node:
        node.input[:] = ["image" if name == source else name for name in node.input]
    graph.input[0].name = "image"
    for value in (graph.input[0], graph.output[0]):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    onnx.checker.check_model(model)
    return model


def _dequantized(inputs: list[np.ndarray], axis: int) -> np.ndarray:
    values, scale, zero = inputs
    if values.dtype == np.uint8 and not np.any(zero):
        # Hybrid kernels of old TensorFlow Lite files: symmetric int8 that is declared as uint8.
        values, zero = values.view(np.int8), zero.astype(np.int8)
    if scale.size > 1:
        shape = [-1 if i == axis else 1 for i in range(values.ndim)]
        scale, zero = scale.reshape(shape), zero.reshape(shape)
    return ((values.astype(np.float32) - zero.astype(np.float32)) * scale).astype(np.float32)
