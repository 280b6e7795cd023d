"""Changes to a TFLite graph that phones need: RGB images in, and dense layers that old runtimes read rightly."""

from __future__ import annotations

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

# Luma of ITU-R BT.601, the weights of PIL's and OpenCV's conversion to gray.
LUMA = (0.299, 0.587, 0.114)

_KINDS = schema.BuiltinOperator


def take_rgb(model: Any, integers: bool = False) -> None:
    """Put a layer before the first one that turns RGB into gray: a 1x1 convolution in float with the weights `LUMA`.

    The layers behind it stay as they are, int8 ones too. On baseline_cnn it takes 4 µs of 151 (int8) or 451 (float);
    folded into the first convolution, whose products it triples, those weights take 33.

    Args:
        model: A `schema.ModelT` with one input, float32 `[batch, height, width, 1]`, gray, 0..255. Its input becomes
            `[batch, height, width, 3]`, RGB, 0..255, of the same name.
        integers: Whether that input is uint8; else it is float32.
    """
    (graph,) = model.subgraphs
    (gray,) = graph.inputs
    name, graph.tensors[gray].name = graph.tensors[gray].name, b"gray"
    shape = [*graph.tensors[gray].shape[:3], 3]
    weights = _constant(model, b"luma", np.array(LUMA).reshape(1, 1, 1, 3))
    bias = _constant(model, b"luma_bias", np.zeros(1))
    image = _tensor(graph, name, shape)
    options = schema.Conv2DOptionsT()
    options.strideW = options.strideH = 1
    first = [_operator(model, _KINDS.CONV_2D, [image, weights, bias], gray, options)]
    if integers:
        floats = image
        graph.tensors[floats].name = b"rgb"
        image = _tensor(graph, name, shape)
        graph.tensors[image].type = schema.TensorType.UINT8
        graph.tensors[image].quantization = _one_scale(1)
        first.insert(0, _operator(model, _KINDS.DEQUANTIZE, [image], floats, schema.DequantizeOptionsT()))
    graph.operators = first + graph.operators
    graph.inputs = np.array([image], np.int32)
    for signature in model.signatureDefs or []:
        signature.inputs[0].tensorIndex = image


def scale_dense_outputs(model: Any) -> None:
    """Give int8 weights of dense layers with float inputs one scale, and apply that of each output behind them.

    The numbers stay the same. A runtime as old as that of the TFLite Task Library 0.4.4 knows no scale for each output
    here and takes the first for all, without a word: baseline_cnn then gave one right answer in eight.

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
    code = model.operatorCodes[operator.opcodeIndex]
    if max(code.builtinCode, code.deprecatedBuiltinCode) != _KINDS.FULLY_CONNECTED:
        return False
    inputs, weights = (graph.tensors[index].type for index in operator.inputs[:2])
    return (inputs, weights) == (schema.TensorType.FLOAT32, schema.TensorType.INT8)


def _scale_and_bias(model: Any, graph: Any, dense: Any) -> list[Any]:
    """Take the scales and the bias from a dense layer; returns the operators that apply them."""
    weights, (result,) = graph.tensors[dense.inputs[1]], dense.outputs
    scales = _constant(model, weights.name + b"_scales", weights.quantization.scale * 127)
    weights.quantization = _one_scale(1 / 127)
    products, scaled = (
        _tensor(graph, weights.name + name, graph.tensors[result].shape) for name in (b"_x", b"_scaled")
    )
    bias = dense.inputs[2] if dense.inputs[2] >= 0 else _constant(model, b"no_bias", np.zeros(1))
    dense.inputs = np.array([*dense.inputs[:2], -1], np.int32)
    dense.outputs = np.array([products], np.int32)
    options = schema.AddOptionsT()
    options.fusedActivationFunction = dense.builtinOptions.fusedActivationFunction
    dense.builtinOptions.fusedActivationFunction = schema.ActivationFunctionType.NONE
    return [
        _operator(model, _KINDS.MUL, [products, scales], scaled, schema.MulOptionsT()),
        _operator(model, _KINDS.ADD, [scaled, bias], result, options),
    ]


def _one_scale(scale: float) -> Any:
    quantization = schema.QuantizationParametersT()
    quantization.scale, quantization.zeroPoint = np.full(1, scale, np.float32), np.zeros(1, np.int64)
    return quantization


def _tensor(graph: Any, name: bytes, shape: Any) -> int:
    """A new float32 tensor without content; returns its number."""
    tensor = schema.TensorT()
    tensor.name, tensor.shape = name, np.array(shape, np.int32)
    tensor.type, tensor.buffer = schema.TensorType.FLOAT32, 0
    graph.tensors.append(tensor)
    return len(graph.tensors) - 1


def _constant(model: Any, name: bytes, values: np.ndarray) -> int:
    (graph,) = model.subgraphs
    buffer = schema.BufferT()
    buffer.data = values.astype("<f4").ravel().view(np.uint8)
    model.buffers.append(buffer)
    index = _tensor(graph, name, values.shape)
    graph.tensors[index].buffer = len(model.buffers) - 1
    return index


def _operator(model: Any, kind: int, inputs: list[int], output: int, options: Any) -> Any:
    """A new operator, of the first version of its kind."""
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = kind
    code.version = 1
    model.operatorCodes.append(code)
    operator = schema.OperatorT()
    operator.opcodeIndex = len(model.operatorCodes) - 1
    operator.inputs, operator.outputs = np.array(inputs, np.int32), np.array([output], np.int32)
    operator.builtinOptions = options
    operator.builtinOptionsType = getattr(schema.BuiltinOptions, type(options).__name__.removesuffix("T"))
    return operator
