"""int8 dense layers in TFLite with float inputs and outputs, which TensorFlow's converter cannot write."""

from __future__ import annotations

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from .flatbuffer import add_constant, add_tensor, floats_of, kind, new_operator, one_scale
from .quantization import int8_scales, pairs_of, row_limits


def quantize_dense(model: Any) -> None:
    """Replace the weights of float dense layers by int8 ones with a scale for each output.

    The runtime quantizes the inputs of such a layer itself, row by row, and its outputs stay in float. The weights must
    be multiples of their int8 step already, as `quantization.prepare` rounds them.
    """
    operators = [kind(code) for code in model.operatorCodes]
    for graph in model.subgraphs:
        for operator in graph.operators:
            if operators[operator.opcodeIndex] != schema.BuiltinOperator.FULLY_CONNECTED:
                continue
            weights = graph.tensors[operator.inputs[1]]
            if weights.type != schema.TensorType.FLOAT32 or model.buffers[weights.buffer].data is None:
                continue
            values = floats_of(model, weights)
            limits = row_limits(values, pairs_of(values.shape[1]))
            scale = int8_scales(limits).astype(np.float32)
            whole = np.clip(np.round(values / scale[:, None]), -127, 127).astype(np.int8)
            model.buffers[weights.buffer].data = whole.ravel().view(np.uint8)
            weights.type = schema.TensorType.INT8
            weights.quantization = schema.QuantizationParametersT()
            weights.quantization.scale = scale
            weights.quantization.zeroPoint = np.zeros(len(scale), np.int64)
            operator.builtinOptions.asymmetricQuantizeInputs = True
            code = model.operatorCodes[operator.opcodeIndex]
            code.version = max(code.version, 9)


def scale_dense_outputs(model: Any) -> None:
    """Move the scales of the outputs of int8 dense layers with float inputs into a multiplication behind each layer.

    The outputs stay the same. Runtimes as old as that of the TFLite Task Library 0.4.4 use the first scale for all
    outputs of such a layer, without an error: baseline_cnn was right in one of eight images there.

    Args:
        model: A `schema.ModelT`.
    """
    for graph in model.subgraphs:
        operators, graph.operators = graph.operators, []
        for operator in operators:
            graph.operators.append(operator)
            if _is_dense_int8(model, graph, operator):
                graph.operators += _scale_and_bias(model, graph, operator)


def _is_dense_int8(model: Any, graph: Any, operator: Any) -> bool:
    if kind(model.operatorCodes[operator.opcodeIndex]) != schema.BuiltinOperator.FULLY_CONNECTED:
        return False
    inputs, weights = (graph.tensors[index].type for index in operator.inputs[:2])
    return (inputs, weights) == (schema.TensorType.FLOAT32, schema.TensorType.INT8)


def _scale_and_bias(model: Any, graph: Any, dense: Any) -> list[Any]:
    """Remove the scales and the bias from a dense layer; returns the operators that apply them."""
    weights, (result,) = graph.tensors[dense.inputs[1]], dense.outputs
    scales = add_constant(model, weights.name + b"_scales", weights.quantization.scale * 127)
    weights.quantization = one_scale(1 / 127)
    products, scaled = (
        add_tensor(graph, weights.name + name, graph.tensors[result].shape) for name in (b"_x", b"_scaled")
    )
    bias = dense.inputs[2] if dense.inputs[2] >= 0 else add_constant(model, b"no_bias", np.zeros(1))
    dense.inputs = np.array([*dense.inputs[:2], -1], np.int32)
    dense.outputs = np.array([products], np.int32)
    options = schema.AddOptionsT()
    options.fusedActivationFunction = dense.builtinOptions.fusedActivationFunction
    dense.builtinOptions.fusedActivationFunction = schema.ActivationFunctionType.NONE
    return [
        new_operator(model, schema.BuiltinOperator.MUL, [products, scales], scaled, schema.MulOptionsT()),
        new_operator(model, schema.BuiltinOperator.ADD, [scaled, bias], result, options),
    ]
