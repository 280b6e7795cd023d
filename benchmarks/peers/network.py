"""Writing a published network down as ONNX, in the terms it was published in: NHWC tensors and HWIO kernels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fer_zoo.errors import UsageError

if TYPE_CHECKING:
    from onnx import ModelProto

_OPSET, _IR_VERSION = 17, 8


@dataclass(frozen=True)
class Tensor:
    """A value of the graph: its name, and its height, width and channels."""

    name: str
    shape: tuple[int, ...]


class Network:
    """A feed-forward network under construction.

    Each method adds one layer and returns its output. Weights become initializers as they are; batch normalization
    stays a layer, which ONNX Runtime folds into the convolution before it when it loads the file.

    Args:
        shape: Height, width and channels of the input `image`, float32 `[batch, height, width, channels]`.
    """

    def __init__(self, shape: tuple[int, int, int]) -> None:
        self._onnx = import_onnx()
        self._nodes: list[Any] = []
        self._weights: list[Any] = []
        self._image = shape
        self.input = self._add("Transpose", [Tensor("image", shape)], shape, perm=[0, 3, 1, 2])

    def conv(
        self,
        x: Tensor,
        kernel: np.ndarray,
        bias: np.ndarray | None = None,
        *,
        strides: tuple[int, int] = (1, 1),
        padding: str = "same",
    ) -> Tensor:
        """A convolution; `kernel` is `[height, width, in, out]`, `padding` is TensorFlow's `same` or `valid`."""
        return self._conv(x, kernel.transpose(3, 2, 0, 1), bias, strides, padding, 1)

    def depthwise(
        self, x: Tensor, kernel: np.ndarray, *, strides: tuple[int, int] = (1, 1), padding: str = "same"
    ) -> Tensor:
        """A depthwise convolution; `kernel` is `[height, width, in, multiplier]`."""
        height, width, channels, multiplier = kernel.shape
        kernel = kernel.transpose(2, 3, 0, 1).reshape(channels * multiplier, 1, height, width)
        return self._conv(x, kernel, None, strides, padding, channels)

    def batch_normalization(
        self, x: Tensor, scale: np.ndarray, shift: np.ndarray, mean: np.ndarray, variance: np.ndarray, epsilon: float
    ) -> Tensor:
        """Batch normalization with fixed statistics, each float `[channels]`."""
        weights = [self._weight(value) for value in (scale, shift, mean, variance)]
        return self._add("BatchNormalization", [x, *weights], x.shape, epsilon=epsilon)

    def max_pool(self, x: Tensor, size: tuple[int, int], strides: tuple[int, int], padding: str) -> Tensor:
        pads, spatial = _padded(x.shape, size, strides, padding)
        return self._add("MaxPool", [x], (*spatial, x.shape[2]), kernel_shape=size, strides=strides, pads=pads)

    def global_average_pool(self, x: Tensor) -> Tensor:
        pooled = self._add("GlobalAveragePool", [x], (1, 1, x.shape[2]))
        return self._add("Flatten", [pooled], (x.shape[2],))

    def dense(self, x: Tensor, kernel: np.ndarray, bias: np.ndarray) -> Tensor:
        """A fully connected layer; `kernel` is `[in, out]`."""
        return self._add("Gemm", [x, self._weight(kernel), self._weight(bias)], (kernel.shape[1],))

    def relu(self, x: Tensor) -> Tensor:
        return self._add("Relu", [x], x.shape)

    def add(self, x: Tensor, y: Tensor) -> Tensor:
        return self._add("Add", [x, y], x.shape)

    def softmax(self, x: Tensor) -> Tensor:
        return self._add("Softmax", [x], x.shape, axis=-1)

    def finish(self, probabilities: Tensor, name: str) -> ModelProto:
        """The whole network as an ONNX model whose one output is `probabilities`, float32 `[batch, classes]`."""
        helper, kind = self._onnx.helper, self._onnx.TensorProto.FLOAT
        self._nodes.append(helper.make_node("Identity", [probabilities.name], ["probabilities"]))
        image = helper.make_tensor_value_info("image", kind, ["batch", *self._image])
        output = helper.make_tensor_value_info("probabilities", kind, ["batch", *probabilities.shape])
        graph = helper.make_graph(self._nodes, name, [image], [output], self._weights)
        opset = [helper.make_opsetid("", _OPSET)]
        model = helper.make_model(graph, opset_imports=opset, ir_version=_IR_VERSION, producer_name="fer_zoo")
        self._onnx.checker.check_model(model, full_check=True)
        return model

    def _conv(
        self,
        x: Tensor,
        kernel: np.ndarray,
        bias: np.ndarray | None,
        strides: tuple[int, int],
        padding: str,
        group: int,
    ) -> Tensor:
        size = kernel.shape[2], kernel.shape[3]
        pads, spatial = _padded(x.shape, size, strides, padding)
        weights = [self._weight(value) for value in (kernel, bias) if value is not None]
        shape = (*spatial, kernel.shape[0])
        return self._add("Conv", [x, *weights], shape, kernel_shape=size, strides=strides, pads=pads, group=group)

    def _weight(self, value: np.ndarray) -> Tensor:
        tensor = Tensor(f"weight_{len(self._weights)}", value.shape)
        array = np.ascontiguousarray(value, np.float32)
        self._weights.append(self._onnx.numpy_helper.from_array(array, tensor.name))
        return tensor

    def _add(self, kind: str, inputs: list[Tensor], shape: tuple[int, ...], **attributes: Any) -> Tensor:
        output = Tensor(f"{kind}_{len(self._nodes)}", shape)
        names = [tensor.name for tensor in inputs]
        self._nodes.append(self._onnx.helper.make_node(kind, names, [output.name], output.name, **attributes))
        return output


def count_params(model: ModelProto) -> int:
    """Float weights of an ONNX model."""
    floats = (weight for weight in model.graph.initializer if weight.data_type == import_onnx().TensorProto.FLOAT)
    return sum(math.prod(weight.dims) for weight in floats)


def count_macs(model: ModelProto) -> int:
    """Multiply-accumulates of one image through the convolutions and dense layers of an ONNX model."""
    inferred = import_onnx().shape_inference.infer_shapes(model).graph
    shapes = {value.name: [d.dim_value for d in value.type.tensor_type.shape.dim] for value in inferred.value_info}
    weights = {weight.name: list(weight.dims) for weight in inferred.initializer}
    total = 0
    for node in inferred.node:
        if node.op_type == "Conv":
            total += math.prod(weights[node.input[1]]) * math.prod(shapes[node.output[0]][2:])
        elif node.op_type in ("Gemm", "MatMul"):
            total += math.prod(weights[node.input[1]])
    return total


def import_onnx() -> Any:
    """The `onnx` package.

    Raises:
        UsageError: It is not installed.
    """
    try:
        import onnx
    except ImportError as error:
        raise UsageError("onnx is not installed; run `pip install 'fer-zoo[export]'` to convert the peers") from error
    return onnx


def _padded(
    shape: tuple[int, ...], size: tuple[int, int], strides: tuple[int, int], padding: str
) -> tuple[list[int], tuple[int, int]]:
    """ONNX's `pads` and the output's height and width; TensorFlow's `same` puts the odd row below and to the right."""
    before, after, spatial = [], [], []
    for length, window, stride in zip(shape[:2], size, strides, strict=True):
        out = -(-length // stride) if padding == "same" else (length - window) // stride + 1
        missing = max((out - 1) * stride + window - length, 0)
        before.append(missing // 2)
        after.append(missing - missing // 2)
        spatial.append(out)
    return [*before, *after], (spatial[0], spatial[1])
