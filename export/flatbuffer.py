"""Reading, changing and writing TFLite files."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema


def load(path: Path) -> Any:
    """The `schema.ModelT` in a TFLite file."""
    return schema.ModelT.InitFromPackedBuf(path.read_bytes())


def save(model: Any, path: Path) -> None:
    """Write a `schema.ModelT`."""
    builder = _Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(bytes(builder.Output()))


def compact(model: Any) -> None:
    """Shorten the names of tensors to `layer/operation`; inputs and outputs get the names in the model's signature.

    Names are unique, since OpenVINO treats two tensors of the same name as one.
    """
    for graph in model.subgraphs:
        used_names: Counter[bytes] = Counter()
        for tensor in graph.tensors:
            tensor.name = _unique(b"/".join(tensor.name.split(b";")[0].split(b"/")[-2:]), used_names)
    for signature in model.signatureDefs or []:
        for entry in (*signature.inputs, *signature.outputs):
            model.subgraphs[signature.subgraphIndex].tensors[entry.tensorIndex].name = entry.name
    model.metadata = [entry for entry in model.metadata or [] if entry.name != b"CONVERSION_METADATA"]


def trim(model: Any) -> None:
    """Leave out what is redundant in a small file, after `compact`.

    Tensors between input and output are named after their layer alone, with a number where that is not unique. Their
    shape for any batch size, empty descriptions of their quantization and empty buffers of their own are removed; the
    first buffer is always empty.
    """
    for graph in model.subgraphs:
        ends = {*graph.inputs, *graph.outputs}
        used_names = Counter(graph.tensors[number].name for number in ends)
        for number, tensor in enumerate(graph.tensors):
            if model.buffers[tensor.buffer].data is None:
                tensor.buffer = 0
            if tensor.quantization is not None and tensor.quantization.scale is None:
                tensor.quantization = None
            if number not in ends:
                tensor.shapeSignature = None
                tensor.name = _unique(tensor.name.split(b"/")[0], used_names)
    used = sorted({0, *(t.buffer for g in model.subgraphs for t in g.tensors), *(m.buffer for m in model.metadata)})
    numbers = {old: new for new, old in enumerate(used)}
    model.buffers = [model.buffers[number] for number in used]
    for entry in (*(t for g in model.subgraphs for t in g.tensors), *model.metadata):
        entry.buffer = numbers[entry.buffer]


def _unique(name: bytes, used_names: Counter[bytes]) -> bytes:
    """`name`, followed by a number from its second use on; uses are counted in `used_names`."""
    used_names[name] += 1
    return name if used_names[name] == 1 else b"%b.%d" % (name, used_names[name])


def halve(model: Any) -> None:
    """Store the weights of convolutions and dense layers in float16; runtimes convert them back as they load the file.

    Biases stay in float32, other than with TensorFlow's converter: they are 1 % of the size, and rounding them shifts
    a channel equally for every image, which changed mobilenet_face's predictions more than rounding all its weights.
    """
    (graph,) = model.subgraphs
    layers = {getattr(schema.BuiltinOperator, name) for name in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")}
    numbers = [op.inputs[1] for op in graph.operators if kind(model.operatorCodes[op.opcodeIndex]) in layers]
    wideners, released = [], set()
    for number in dict.fromkeys(numbers):
        weights = graph.tensors[number]
        values = floats_of(model, weights)
        half = add_constant(model, weights.name + b"_half", values, half=True)
        released.add(weights.buffer)
        weights.buffer = 0
        widen = new_operator(
            model, schema.BuiltinOperator.DEQUANTIZE, [half], number, schema.DequantizeOptionsT(), version=3
        )
        wideners.append(widen)
    graph.operators = [*wideners, *graph.operators]
    for number in released - {tensor.buffer for tensor in graph.tensors}:
        model.buffers[number].data = None


def one_scale(scale: float) -> Any:
    """The quantization of a tensor that has a single scale and no zero point."""
    quantization = schema.QuantizationParametersT()
    quantization.scale, quantization.zeroPoint = np.full(1, scale, np.float32), np.zeros(1, np.int64)
    return quantization


def add_tensor(graph: Any, name: bytes, shape: Any) -> int:
    """A new float32 tensor without content; returns its number."""
    tensor = schema.TensorT()
    tensor.name, tensor.shape = name, np.array(shape, np.int32)
    tensor.type, tensor.buffer = schema.TensorType.FLOAT32, 0
    graph.tensors.append(tensor)
    return len(graph.tensors) - 1


def add_constant(model: Any, name: bytes, values: np.ndarray, half: bool = False) -> int:
    """A new tensor with content, float32, or float16 where `half`; returns its number."""
    (graph,) = model.subgraphs
    index = add_tensor(graph, name, values.shape)
    graph.tensors[index].buffer = add_buffer(model, values.astype("<f2" if half else "<f4"))
    if half:
        graph.tensors[index].type = schema.TensorType.FLOAT16
    return index


def add_buffer(model: Any, values: np.ndarray) -> int:
    """The content of a new tensor, little-endian; returns its number."""
    buffer = schema.BufferT()
    buffer.data = values.ravel().view(np.uint8)
    model.buffers.append(buffer)
    return len(model.buffers) - 1


def floats_of(model: Any, tensor: Any) -> np.ndarray:
    """The content of a float32 tensor."""
    return np.asarray(model.buffers[tensor.buffer].data).view("<f4").reshape(tensor.shape)


def new_operator(model: Any, kind: int, inputs: list[int], output: int, options: Any, version: int = 1) -> Any:
    """A new operator, of a `version` of its kind."""
    operator = schema.OperatorT()
    operator.opcodeIndex = _operator_code(model, kind, version)
    operator.inputs, operator.outputs = np.array(inputs, np.int32), np.array([output], np.int32)
    operator.builtinOptions = options
    operator.builtinOptionsType = getattr(schema.BuiltinOptions, type(options).__name__.removesuffix("T"))
    return operator


def _operator_code(model: Any, builtin: int, version: int) -> int:
    for index, code in enumerate(model.operatorCodes):
        if (kind(code), code.version) == (builtin, version):
            return index
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = builtin
    code.version = version
    model.operatorCodes.append(code)
    return len(model.operatorCodes) - 1


def kind(code: Any) -> int:
    """Which builtin operator an operator code is; those above 126 do not fit the older of its two fields."""
    return max(code.builtinCode, code.deprecatedBuiltinCode)


class _Builder(flatbuffers.Builder):
    """Aligns weights to 16 bytes, as the schema demands and the generated code does not; stores equal vectors once."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self._written: dict[tuple[str, bytes], int] = {}

    def StartVector(self, elemSize: int, numElems: int, alignment: int) -> int:  # noqa: N802
        return super().StartVector(elemSize, numElems, 16 if elemSize == 1 else alignment)

    def CreateNumpyVector(self, x: np.ndarray) -> int:  # noqa: N802
        key = (x.dtype.str, x.tobytes())
        if key not in self._written:
            self._written[key] = super().CreateNumpyVector(x)
        return self._written[key]
