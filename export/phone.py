"""The change to a TFLite graph that phones need: RGB images in."""

from __future__ import annotations

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from fer_zoo.contract import LUMA

from .flatbuffer import add_constant, add_tensor, new_operator, one_scale

_KINDS = schema.BuiltinOperator


def take_rgb(model: Any, integers: bool = False) -> None:
    """Put a layer before the first one that turns RGB into gray: a 1x1 convolution in float with the weights `LUMA`.

    The layers behind it stay unchanged, int8 ones too. On baseline_cnn it takes 4 µs of 151 (int8) or 451 (float);
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
    weights = add_constant(model, b"luma", np.array(LUMA).reshape(1, 1, 1, 3))
    bias = add_constant(model, b"luma_bias", np.zeros(1))
    image = add_tensor(graph, name, shape)
    options = schema.Conv2DOptionsT()
    options.strideW = options.strideH = 1
    first = [new_operator(model, _KINDS.CONV_2D, [image, weights, bias], gray, options)]
    if integers:
        floats = image
        graph.tensors[floats].name = b"rgb"
        image = add_tensor(graph, name, shape)
        graph.tensors[image].type = schema.TensorType.UINT8
        graph.tensors[image].quantization = one_scale(1)
        first.insert(0, new_operator(model, _KINDS.DEQUANTIZE, [image], floats, schema.DequantizeOptionsT()))
    graph.operators = first + graph.operators
    graph.inputs = np.array([image], np.int32)
    for signature in model.signatureDefs or []:
        signature.inputs[0].tensorIndex = image
