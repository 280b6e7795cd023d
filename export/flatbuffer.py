"""Reading, changing and writing TFLite files, and the int8 dense layers that the converter cannot make."""

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
    """Name tensors `layer/operation`, not after all operations they went through; inputs and outputs as callers do.

    No two have the same name: OpenVINO would take them for one tensor.
    """
    for graph in model.subgraphs:
        taken: Counter[bytes] = Counter()
        for tensor in graph.tensors:
            name = b"/".join(tensor.name.split(b";")[0].split(b"/")[-2:])
            taken[name] += 1
            tensor.name = name if taken[name] == 1 else b"%b.%d" % (name, taken[name])
    for signature in model.signatureDefs or []:
        for entry in (*signature.inputs, *signature.outputs):
            model.subgraphs[signature.subgraphIndex].tensors[entry.tensorIndex].name = entry.name
    model.metadata = [entry for entry in model.metadata or [] if entry.name != b"CONVERSION_METADATA"]


def quantize_dense(model: Any) -> None:
    """Give float dense layers int8 weights for each output; the runtime quantizes their inputs, row by row, itself.

    That keeps logits in float. The weights must lie on their int8 grid already: `quantization.prepare`.
    """
    operators = [_operator(code) for code in model.operatorCodes]
    for graph in model.subgraphs:
        for operator in graph.operators:
            if operators[operator.opcodeIndex] != schema.BuiltinOperator.FULLY_CONNECTED:
                continue
            weights = graph.tensors[operator.inputs[1]]
            if weights.type != schema.TensorType.FLOAT32 or model.buffers[weights.buffer].data is None:
                continue
            values = model.buffers[weights.buffer].data.view("<f4").reshape(weights.shape)
            largest = np.abs(values).max(1)
            scale = np.where(largest > 0, largest, 1).astype(np.float32) / np.float32(127)
            whole = np.clip(np.round(values / scale[:, None]), -127, 127).astype(np.int8)
            model.buffers[weights.buffer].data = whole.ravel().view(np.uint8)
            weights.type = schema.TensorType.INT8
            weights.quantization = schema.QuantizationParametersT()
            weights.quantization.scale = scale
            weights.quantization.zeroPoint = np.zeros(len(scale), np.int64)
            operator.builtinOptions.asymmetricQuantizeInputs = True
            code = model.operatorCodes[operator.opcodeIndex]
            code.version = max(code.version, 9)


class _Builder(flatbuffers.Builder):
    """Aligns weights to 16 bytes as the schema demands and Python's code generator does not, shares equal vectors."""

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


def _operator(code: Any) -> int:
    """Codes above 126 do not fit the older of the two fields."""
    return max(code.builtinCode, code.deprecatedBuiltinCode)
