"""Changes that several steps make to ONNX graphs."""

from __future__ import annotations

from collections.abc import Mapping

import onnx


def remove_unread(graph: onnx.GraphProto) -> None:
    """Remove constants that no node reads; the others keep their order."""
    read = {name for node in graph.node for name in node.input}
    constants = [tensor for tensor in graph.initializer if tensor.name in read]
    del graph.initializer[:]
    graph.initializer.extend(constants)


def rename_tensors(graph: onnx.GraphProto, names: Mapping[str, str]) -> None:
    """Give every tensor and constant its name in `names`."""
    for node in graph.node:
        node.input[:] = [names[name] for name in node.input]
        node.output[:] = [names[name] for name in node.output]
    for tensor in graph.initializer:
        tensor.name = names[tensor.name]
