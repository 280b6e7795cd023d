"""int8 weights in TFLite whose products overflow on no processor, which TensorFlow's converter cannot write."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from keras import layers

from fer_zoo.models.nested import leaf_layers

from .flatbuffer import add_buffer, kind
from .quantization import int8_scales, pairs_of, row_limits

_MATRICES = (schema.BuiltinOperator.CONV_2D, schema.BuiltinOperator.FULLY_CONNECTED)


def limit_pairs(model: Any, original: keras.Model) -> None:
    """Quantize the weights and biases of int8 convolutions and dense layers again, to the limits of `row_limits`.

    The converter derives the scale of each output from its largest weight, so that the sum of two weights may exceed
    8 bits. LiteRT adds their products in 32 bits, but OpenVINO on x86 processors without VNNI in 16.

    Args:
        model: A static int8 `schema.ModelT`.
        original: The Keras model that was converted; its layers are identified by their weights, which the converter
            has rounded.
    """
    kernels = list(_rows(original))
    (graph,) = model.subgraphs
    for operator in graph.operators:
        if kind(model.operatorCodes[operator.opcodeIndex]) not in _MATRICES:
            continue
        values, weights, bias = (graph.tensors[index] for index in operator.inputs)
        if not values.type == weights.type == schema.TensorType.INT8:
            continue
        written = _dequantized(model, weights, "i1").reshape(weights.shape[0], -1)
        rows = next((kernel for kernel in kernels if _is_rounded(kernel, written, weights)), written)
        limits = row_limits(rows, pairs_of(weights.shape[-1]))
        step, added = values.quantization.scale[0], _dequantized(model, bias, "<i4")
        # A bias has to fit into 32 bits beside weights that are small.
        scales = np.maximum(int8_scales(limits), np.abs(added) / (step * 2**30)).astype(np.float32)
        steps = np.clip(np.round(rows / scales[:, None]), -127, 127)
        products = (step * scales).astype(np.float32)
        shift = np.round(added / products)
        for tensor, integers, scale in (
            (weights, steps.astype(np.int8), scales),
            (bias, shift.astype("<i4"), products),
        ):
            tensor.buffer = add_buffer(model, integers)
            tensor.quantization.scale, tensor.quantization.zeroPoint = scale, np.zeros(len(scale), np.int64)


def _rows(model: keras.Model) -> Iterator[np.ndarray]:
    """The kernel of every convolution and dense layer as `[outputs, inputs]`."""
    for layer in leaf_layers(model):
        if type(layer) in (layers.Conv2D, layers.Dense):
            kernel = np.asarray(layer.get_weights()[0], np.float64)
            yield kernel.reshape(-1, kernel.shape[-1]).T


def _dequantized(model: Any, tensor: Any, written_as: str) -> np.ndarray:
    """The content of a tensor whose first axis has the scales, as float64 in its shape."""
    integers = np.asarray(model.buffers[tensor.buffer].data).view(written_as).reshape(tensor.shape)
    scales = np.asarray(tensor.quantization.scale, np.float64)
    return integers * scales.reshape(-1, *[1] * (integers.ndim - 1))


def _is_rounded(kernel: np.ndarray, written: np.ndarray, weights: Any) -> bool:
    """Whether `written` are the rows of `kernel`, rounded to the steps of `weights`."""
    if kernel.shape != written.shape:
        return False
    steps = np.asarray(weights.quantization.scale, np.float64)[:, None]
    return bool((np.abs(kernel - written) <= 0.51 * steps).all())
