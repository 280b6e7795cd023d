"""The values of all tensors inside an ONNX or TFLite graph."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fer_zoo.console import native_messages_dropped
from fer_zoo.errors import FerZooError, UsageError

_NO_VALUES = ("QuantizeLinear", "Shape", "Constant")


@dataclass(frozen=True)
class Tensor:
    """The output of an operation.

    Attributes:
        name: Name of the tensor in the file.
        operation: Operation that computed it; for a quantized tensor, the one before quantization.
        values: float32, images first, channels last; quantized tensors are dequantized.
    """

    name: str
    operation: str
    values: np.ndarray


def tensors_of(path: Path, images: np.ndarray) -> list[Tensor]:
    """Run a graph without optimization and return the outputs of all its operations.

    Args:
        path: A `.onnx` or `.tflite` file.
        images: float32 `[n, 48, 48, 1]` in 0..255.

    Returns:
        The tensors in the order of execution, without constants, shapes and tensors that are only passed on.

    Raises:
        UsageError: The file has another format, or the package that reads it is not installed.
        FerZooError: The graph does not run.
    """
    read = {".onnx": _onnx, ".tflite": _tflite}.get(path.suffix)
    if read is None:
        raise UsageError(f"{path} is neither .onnx nor .tflite; only those can be compared tensor by tensor")
    try:
        tensors = read(path, images)
    except ImportError as error:
        raise UsageError(f"{error.name} is not installed; run `pip install 'fer-zoo[export]'`") from error
    except Exception as error:  # Each runtime has exceptions of its own.
        raise FerZooError(f"{path} does not run tensor by tensor: {str(error).splitlines()[0][:300]}") from error
    return [tensor for tensor in tensors if tensor.values.ndim >= 2 and len(tensor.values) == len(images)]


def _onnx(path: Path, images: np.ndarray) -> list[Tensor]:
    import onnx
    import onnxruntime

    model = onnx.load(path)
    graph = model.graph
    makers = {name: node for node in graph.node for name in node.output}
    constants = {tensor.name for tensor in graph.initializer}
    known = {value.name for value in graph.output}
    operations: dict[str, str] = {}
    for node in graph.node:
        source = node.input[0] if node.input else ""
        if node.op_type == "DequantizeLinear":
            if source in constants:
                continue
            rounded = makers[source].input[0]
            # The tensor before quantization adds no information to the quantized one.
            operations.pop(rounded, None)
            operation = makers[rounded].op_type if rounded in makers else "input"
            operations[node.output[0]] = operation
        elif node.op_type not in _NO_VALUES:
            operations[node.output[0]] = node.op_type
    graph.output.extend(onnx.ValueInfoProto(name=name) for name in operations if name not in known)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    values = session.run(list(operations), {graph.input[0].name: images})
    return [
        Tensor(name, operation, np.moveaxis(value, 1, -1) if value.ndim == 4 else value)
        for (name, operation), value in zip(operations.items(), values, strict=True)
        if value.dtype == np.float32
    ]


def _tflite(path: Path, images: np.ndarray) -> list[Tensor]:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    with native_messages_dropped():
        interpreter = Interpreter(
            str(path),
            experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
            experimental_preserve_all_tensors=True,
        )
        (source,) = interpreter.get_input_details()
        interpreter.resize_tensor_input(source["index"], images.shape)
        interpreter.allocate_tensors()
    interpreter.set_tensor(source["index"], images)
    interpreter.invoke()
    details = {tensor["index"]: tensor for tensor in interpreter.get_tensor_details()}
    tensors = []
    for operation in interpreter._get_ops_details():
        index = operation["outputs"][0]
        scale, zero = details[index]["quantization"]
        values = interpreter.get_tensor(index)
        if values.dtype.kind == "i" and not scale:
            continue
        real = values.astype(np.float32)
        real = (real - zero) * np.float32(scale) if values.dtype.kind == "i" else real
        tensors.append(Tensor(details[index]["name"], operation["op_name"], real))
    return tensors
