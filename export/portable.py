"""What runtimes besides ONNX Runtime need of an ONNX graph: the same numbers, written so that they read them too."""

from __future__ import annotations

import onnx
from onnx import helper


def write_pad_modes(graph: onnx.GraphProto) -> None:
    """Write the mode of each Pad out, although the specification takes `constant` for granted.

    pnnx converts a Pad without it to a layer that ncnn does not have (`findings/ncnn_pad_default_mode.sh`).
    """
    for node in graph.node:
        if node.op_type == "Pad" and all(attribute.name != "mode" for attribute in node.attribute):
            node.attribute.append(helper.make_attribute("mode", "constant"))
