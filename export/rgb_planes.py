"""The change to an ONNX graph that transformers.js needs: planes of RGB in, logits out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from fer_zoo.contract import IMAGE_SIZE, LUMA
from fer_zoo.errors import FerZooError


def take_rgb_planes(source: Path, target: Path) -> None:
    """Write a graph of the zoo with another input and output.

    Args:
        source: An ONNX file from `image`, float32 `[batch, 48, 48, 1]`, gray, to `probabilities`.
        target: From `pixel_values`, float32 `[batch, 3, 48, 48]`, RGB, 0..255, to `logits`, float32 `[batch, classes]`,
            whose softmax the probabilities are.

    Raises:
        FerZooError: The graph does not end in a softmax.
    """
    model = onnx.load(source)
    graph = model.graph
    softmax = next((node for node in graph.node if node.output[0] == graph.output[0].name), None)
    if softmax is None or softmax.op_type != "Softmax":
        raise FerZooError(f"{source} does not end in a softmax, as the zoo's models do")
    (image,) = graph.input
    classes = graph.output[0].type.tensor_type.shape.dim[1].dim_value
    weights = numpy_helper.from_array(np.array(LUMA, np.float32).reshape(1, 3, 1, 1), "luma")
    shape = numpy_helper.from_array(np.array([-1, IMAGE_SIZE, IMAGE_SIZE, 1], np.int64), "gray_shape")
    graph.initializer.extend([weights, shape])
    planes = helper.make_node("Conv", ["pixel_values", "luma"], ["gray_plane"], "luma_conv", kernel_shape=[1, 1])
    gray = helper.make_node("Reshape", ["gray_plane", "gray_shape"], [image.name], "gray_reshape")
    nodes = [planes, gray, *(node for node in graph.node if node is not softmax)]
    nodes.append(helper.make_node("Identity", [softmax.input[0]], ["logits"], "logits_out"))
    del graph.node[:], graph.input[:], graph.output[:]
    graph.node.extend(nodes)
    pixels: list[str | int | None] = ["batch", 3, IMAGE_SIZE, IMAGE_SIZE]
    graph.input.append(helper.make_tensor_value_info("pixel_values", TensorProto.FLOAT, pixels))
    graph.output.append(helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", classes]))
    del model.metadata_props[:]  # They describe the other input.
    onnx.checker.check_model(model)
    onnx.save(model, target)
