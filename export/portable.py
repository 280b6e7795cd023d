"""ONNX graphs rewritten so that other runtimes than ONNX Runtime compute the same numbers."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper, numpy_helper

from .onnx_graph import remove_unread


def make_portable(graph: onnx.GraphProto) -> None:
    """Rewrite operations that other runtimes refuse or compute wrongly; a second call changes nothing.

    Args:
        graph: Float, or quantized in QDQ format.
    """
    _write_pad_modes(graph)
    _add_dense_biases_in_float(graph)


def _write_pad_modes(graph: onnx.GraphProto) -> None:
    """Write the mode of each Pad, although `constant` is the default.

    pnnx converts a Pad without it to a layer that ncnn does not have (`findings/ncnn_pad_default_mode.sh`).
    """
    for node in graph.node:
        if node.op_type == "Pad" and all(attribute.name != "mode" for attribute in node.attribute):
            node.attribute.append(helper.make_attribute("mode", "constant"))


def _add_dense_biases_in_float(graph: onnx.GraphProto) -> None:
    """Add an int32 bias of a quantized Gemm behind it, in float.

    OpenCV 4 applies it wrongly to batches above 1, without an error (`findings/opencv_int8_gemm_batch.sh`). With a
    float bias inside the Gemm, ONNX Runtime would multiply floats; behind it, it still multiplies bytes, and outputs
    differ by 2e-7, those of baseline_cnn by up to 8e-4 where a value after its hidden layer is rounded the other way.
    """
    constants = {tensor.name: tensor for tensor in graph.initializer}
    makers = {node.output[0]: node for node in graph.node}
    for gemm in [node for node in graph.node if node.op_type == "Gemm" and len(node.input) > 2]:
        bias, result = makers.get(gemm.input[2]), gemm.output[0]
        if bias is None or bias.op_type != "DequantizeLinear" or bias.input[0] not in constants:
            continue
        steps, scale = (numpy_helper.to_array(constants[name]) for name in bias.input[:2])
        values = numpy_helper.from_array(steps.astype(np.float32) * scale, f"{result}.bias")
        graph.initializer.append(values)
        del gemm.input[2:]
        gemm.output[0] = f"{result}.products"
        addition = helper.make_node("Add", [gemm.output[0], values.name], [result], f"{result}.Add")
        graph.node.insert(list(graph.node).index(gemm) + 1, addition)
    _remove_unread_constants(graph)


def _remove_unread_constants(graph: onnx.GraphProto) -> None:
    """Remove dequantized constants that no node reads, then the constants themselves."""
    read = {name for node in graph.node for name in node.input}
    for node in [node for node in graph.node if node.op_type == "DequantizeLinear" and node.output[0] not in read]:
        graph.node.remove(node)
    remove_unread(graph)
