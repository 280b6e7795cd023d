"""Static int8 ONNX: per-channel weights, calibrated activations; input, swish, logits and softmax stay in float.

A softmax of 256 levels makes ties, logits need more levels, and in float these cost next to nothing.
"""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from .convert import quiet, to_onnx
from .onnx_graph import remove_unread, rename_tensors
from .portable import make_portable
from .quantization import Prepared, SharedScale, equal, int8_scales, pairs_of, row_limits

_FLOAT_ONNX = ("Softmax", "Sigmoid", "Mul")
_CHEAP_ONNX = ("Relu", "Clip", "MaxPool", "Add")
_SHAPING_ONNX = ("Reshape", "Transpose", "Pad", "Resize", "Concat", "Add")
# Products for each output of a convolution below which ONNX Runtime's int8 kernels are slower than its float32 ones.
_FEW_PRODUCTS = 32


def onnx_int8(prepared: Prepared, path: Path, images: np.ndarray) -> None:
    """Quantize to ONNX in QDQ format, unsigned activations (U8S8).

    ONNX Runtime turns signed activations into unsigned ones on x86 anyway, with the same results, but then misses a
    fusion: U8S8 took 0.202 ms where S8S8 took 0.210 at batch 1, and 6.6 where S8S8 took 10.7 at batch 32 (an EPYC with
    VNNI, one thread, float32 0.412 and 21.1).

    A convolution of few channels on the image stays in float, with the cheap operations after it: in int8 that of
    baseline_cnn took 68 µs of the 205 µs of a query, in float 19, so that the query took 151 µs (at batch 32, 4.80 ms
    instead of 6.18), with predictions as good. A depthwise one behind it stays in float too: it suffers most from
    rounding.

    No product overflows on processors without VNNI: see `quantization.row_limits`.

    Args:
        prepared: A model prepared for ONNX.
        path: The file to write.
        images: float32 `[n, 48, 48, 1]`, calibration images in 0..255.
    """
    with tempfile.TemporaryDirectory() as folder, quiet():
        converted, ready = Path(folder) / "float.onnx", Path(folder) / "ready.onnx"
        to_onnx(prepared.model, converted)
        quant_pre_process(str(converted), str(ready), skip_symbolic_shape=True)
        graph = onnx.load(ready).graph
        in_float = _always_float(graph) + _first_in_float(graph)
        quantize_static(
            str(ready),
            str(path),
            CalibrationImages(images),
            quant_format=QuantFormat.QDQ,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            per_channel=True,
            nodes_to_exclude=in_float,
            extra_options={
                "TensorQuantOverrides": _overrides(graph, prepared.shared_scales) | _weight_ranges(graph, in_float),
                "OpTypesToExcludeOutputQuantization": ["Gemm", "MatMul"],
            },
        )
    model = onnx.load(path)
    make_portable(model.graph)
    _compact(model)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


def _always_float(graph: onnx.GraphProto) -> list[str]:
    """Names of the operations that always stay in float, such as those on probabilities (an ensemble's mean)."""
    probabilities, names = set[str](), []
    for node in graph.node:
        if node.op_type == "Softmax" or probabilities.intersection(node.input):
            probabilities.update(node.output)
            names.append(node.name)
        elif node.op_type in _FLOAT_ONNX:
            names.append(node.name)
    return names


def _first_in_float(graph: onnx.GraphProto) -> list[str]:
    """Names of the convolutions on the image with few products, and of the cheap operations around them."""
    constants = {tensor.name: tensor for tensor in graph.initializer}
    image, in_float, before, names = {graph.input[0].name}, set[str](), list[str](), list[str]()
    for node in graph.node:
        tensors = [name for name in node.input if name and name not in constants]
        if node.op_type in _SHAPING_ONNX and image.issuperset(tensors):
            image.update(node.output)
            before.append(node.name)
        few = node.op_type == "Conv" and math.prod(constants[node.input[1]].dims[1:]) < _FEW_PRODUCTS
        cheap = node.op_type in _CHEAP_ONNX or any(a.name == "group" and a.i > 1 for a in node.attribute)
        if (few and tensors[0] in image) or (cheap and in_float.issuperset(tensors)):
            in_float.update(node.output)
            names.append(node.name)
    return before + names if names else []


def _overrides(graph: onnx.GraphProto, shared_scales: tuple[SharedScale, ...]) -> dict[str, list[dict[str, Any]]]:
    """Ranges of the tensors before and after every added constant, which is identified by its values."""
    constants = {tensor.name: onnx.numpy_helper.to_array(tensor).ravel() for tensor in graph.initializer}
    makers = {output: node for node in graph.node for output in node.output}
    overrides = {}
    for shared in shared_scales:
        for node in graph.node:
            names = [name for name in node.input if equal(constants.get(name), shared.constant)]
            if node.op_type != "Add" or len(names) != 1:
                continue
            overrides[node.output[0]] = _limits(shared.after)
            tensor = next(name for name in node.input if name not in names)
            overrides[tensor] = _limits(shared.before)
            while makers[tensor].op_type in ("MaxPool", "Relu"):
                tensor = makers[tensor].input[0]
                overrides[tensor] = _limits(shared.before)
    return overrides


def _weight_ranges(graph: onnx.GraphProto, in_float: list[str]) -> dict[str, list[dict[str, Any]]]:
    """Ranges of the weights of each output channel; ONNX Runtime multiplies them with channels varying fastest."""
    constants = {tensor.name: tensor for tensor in graph.initializer}
    ranges = {}
    for node in graph.node:
        if node.op_type not in ("Conv", "Gemm", "MatMul") or node.name in in_float:
            continue
        attributes = {attribute.name: attribute.i for attribute in node.attribute}
        tensor = constants.get(node.input[1])
        if attributes.get("group", 1) > 1 or tensor is None or len(tensor.dims) < 2:
            continue  # Products of two activations, as in attention, have no weights.
        weights = onnx.numpy_helper.to_array(tensor)
        axis = 0 if node.op_type == "Conv" or attributes.get("transB") else 1
        rows = np.moveaxis(np.moveaxis(weights, axis, 0), 1, -1).reshape(weights.shape[axis], -1)
        limits = row_limits(rows, pairs_of(weights.shape[1 - axis]))
        ranges[node.input[1]] = [
            {"axis": axis, "rmin": np.float32(-limit), "rmax": np.float32(limit)} for limit in 127 * int8_scales(limits)
        ]
    return ranges


def _limits(limits: tuple[float, float]) -> list[dict[str, Any]]:
    return [{"rmin": np.float32(limits[0]), "rmax": np.float32(limits[1])}]


def _compact(model: onnx.ModelProto) -> None:
    """Number the tensors and leave out what is redundant: long names were a tenth of a small file.

    Equal constants are one tensor. Not the zero points of weights: with `session.x64quantprecision`, ONNX Runtime 1.32
    replaces each of them and refuses a file where that was done before; without any, 1.20 aborts the process.
    """
    graph = model.graph
    _leave_out_defaults(model)
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type not in ("QuantizeLinear", "DequantizeLinear"):
            continue
        node.name = ""
        # A missing zero point is 0. Weights keep theirs, since ONNX Runtime fuses no Gemm without.
        if node.input[0] in tensors and tensors[node.input[0]].data_type == onnx.TensorProto.INT32:
            del node.input[2:]
    first: dict[tuple[int, tuple[int, ...], bytes], str] = {}
    same = {}
    for tensor in graph.initializer:
        if tensor.data_type != onnx.TensorProto.INT8:
            key = tensor.data_type, tuple(tensor.dims), onnx.numpy_helper.to_array(tensor).tobytes()
            same[tensor.name] = first.setdefault(key, tensor.name)
    for node in graph.node:
        node.input[:] = [same.get(name, name) for name in node.input]
    remove_unread(graph)
    del graph.value_info[:]
    used = [name for node in graph.node for name in node.input]
    names = {value.name: value.name for value in (*graph.input, *graph.output)} | {"": ""}
    for name in (*used, *(output for node in graph.node for output in node.output)):
        names.setdefault(name, np.base_repr(len(names), 36))
    rename_tensors(graph, names)


def _leave_out_defaults(model: onnx.ModelProto) -> None:
    """Remove attributes that have their default value: they were a third of a convolution's node."""
    (version,) = (opset.version for opset in model.opset_import if opset.domain in ("", "ai.onnx"))
    for node in model.graph.node:
        node.ClearField("doc_string")
        defaults = onnx.defs.get_schema(node.op_type, version).attributes
        for attribute in list(node.attribute):
            value = onnx.helper.get_attribute_value(attribute)
            default = defaults[attribute.name].default_value
            ones = attribute.name in ("dilations", "strides") and set(value) == {1}
            if attribute.name == "mode" and node.op_type == "Pad":
                continue  # `make_portable` wrote it.
            if ones or (default.type and value == onnx.helper.get_attribute_value(default)):
                node.attribute.remove(attribute)


class CalibrationImages(CalibrationDataReader):
    """Calibration images in batches, for ONNX Runtime: float32 `[n, 48, 48, 1]` in 0..255."""

    def __init__(self, images: np.ndarray, batch_size: int = 32) -> None:
        self._batches = ({"image": images[i : i + batch_size]} for i in range(0, len(images), batch_size))

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self._batches, None)
