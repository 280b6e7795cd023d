"""Models published for TensorFlow.js: its weight files, its graph models, and face-api's own network."""

from __future__ import annotations

import base64
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fer_zoo.errors import FerZooError

from .network import Network, Tensor

if TYPE_CHECKING:
    from onnx import ModelProto

Weights = dict[str, np.ndarray]


def read_weights(manifest: list[dict[str, Any]], folder: Path) -> Weights:
    """The arrays of a TensorFlow.js weights manifest, dequantized to float32 where they are stored as integers.

    Args:
        manifest: Groups with `paths` of files, concatenated in that order, and `weights`: name, shape, dtype and
            perhaps `quantization` (dtype, `scale`, `min`).
        folder: Folder of the files.

    Raises:
        FerZooError: A file is missing or of another length.
    """
    weights: Weights = {}
    for group in manifest:
        missing = [path for path in group["paths"] if not (folder / path).is_file()]
        if missing:
            raise FerZooError(f"{folder} lacks {', '.join(missing)}, which its manifest names")
        content = b"".join((folder / path).read_bytes() for path in group["paths"])
        position = 0
        for entry in group["weights"]:
            stored = entry.get("quantization", entry)
            count, dtype = math.prod(entry["shape"]), np.dtype(stored["dtype"]).newbyteorder("<")
            end = position + count * dtype.itemsize
            if end > len(content):
                raise FerZooError(f"{', '.join(group['paths'])} in {folder} is shorter than its manifest says")
            values = np.frombuffer(content[position:end], dtype).reshape(entry["shape"])
            if "quantization" in entry:
                values = (values * np.float64(stored["scale"]) + stored.get("min", 0)).astype(np.float32)
            weights[entry["name"]] = values
            position = end
        if position != len(content):
            raise FerZooError(f"{', '.join(group['paths'])} in {folder} is longer than its manifest says")
    return weights


def graph_model_to_onnx(path: Path) -> ModelProto:
    """Convert a TensorFlow.js graph model of convolutions with one input and one output.

    Args:
        path: Its JSON file; the weights lie beside it.

    Raises:
        FerZooError: A file is damaged or missing, or the graph has an operation of another kind.
    """
    content = _json(path)
    weights = read_weights(content["weightsManifest"], path.parent)
    nodes = content["modelTopology"]["node"]
    image = next(node for node in nodes if node["op"] == "Placeholder")
    height, width, channels = (int(dim["size"]) for dim in image["attr"]["shape"]["shape"]["dim"][1:])
    network = Network((height, width, channels))
    tensors = {image["name"]: network.input}
    last = image["name"]
    for node in nodes:  # In an order in which each comes after its inputs, as TensorFlow.js requires too.
        if node["op"] in ("Const", "Placeholder"):
            continue
        tensors[node["name"]] = _operation(network, node, tensors, weights)
        last = node["name"]
    return network.finish(tensors[last], path.stem)


def face_api_to_onnx(manifest: Path) -> ModelProto:
    """Convert the expression network of face-api, whose structure is in its source code only.

    Four blocks of four convolutions, each of which takes the sum of what the earlier ones in its block gave; all but
    the very first are depthwise separable.

    Args:
        manifest: Its weights manifest; the weights lie beside it.

    Raises:
        FerZooError: A file is damaged or missing, or lacks a weight.
    """
    weights = read_weights(_json(manifest), manifest.parent)
    network = Network((112, 112, 3))
    try:
        x = network.input
        for block in range(4):
            x = _face_api_block(network, x, weights, f"dense{block}")
        x = network.global_average_pool(x)
        return network.finish(network.softmax(network.dense(x, weights["fc/weights"], weights["fc/bias"])), "face_api")
    except KeyError as error:
        raise FerZooError(f"{manifest} has no weight {error}; it is not face-api's expression model") from error


def _face_api_block(network: Network, x: Tensor, weights: Weights, name: str) -> Tensor:
    total: Tensor | None = None
    for i in range(4):
        prefix, strides = f"{name}/conv{i}", (1, 1) if i else (2, 2)
        bias = weights[f"{prefix}/bias"]
        if f"{prefix}/filters" in weights:
            out = network.conv(x, weights[f"{prefix}/filters"], bias, strides=strides)
        else:
            x = network.depthwise(x, weights[f"{prefix}/depthwise_filter"], strides=strides)
            out = network.conv(x, weights[f"{prefix}/pointwise_filter"], bias)
        # The first output is rectified before it is added to the others, these only in their sum.
        total = network.relu(out) if total is None else network.add(total, out)
        x = total if i == 0 else network.relu(total)
    return x


def _operation(network: Network, node: dict[str, Any], tensors: dict[str, Tensor], weights: Weights) -> Tensor:
    kind, attributes, names = node["op"], node.get("attr", {}), node["input"]
    x = tensors[names[0]]
    if kind == "_FusedConv2D":
        fused = [_text(name) for name in attributes["fused_ops"]["list"]["s"]]
        if fused not in (["BiasAdd"], ["BiasAdd", "Relu"]):
            raise FerZooError(f"{node['name']} fuses {', '.join(fused)}, which this reader does not know")
        x = network.conv(x, weights[names[1]], weights[names[2]], **_window(attributes))
        return network.relu(x) if "Relu" in fused else x
    if kind == "DepthwiseConv2dNative":
        return network.depthwise(x, weights[names[1]], **_window(attributes))
    if kind == "MaxPool":
        return network.max_pool(x, _two(attributes["ksize"]), **_window(attributes))
    if kind == "AddV2":
        return network.add(x, tensors[names[1]])
    if kind == "Mean" and weights[names[1]].tolist() == [1, 2]:
        return network.global_average_pool(x)
    if kind == "Relu":
        return network.relu(x)
    if kind == "Softmax":
        return network.softmax(x)
    if kind == "Identity":
        return x
    raise FerZooError(f"{node['name']} is an operation {kind} that this reader does not know")


def _window(attributes: dict[str, Any]) -> dict[str, Any]:
    return {"strides": _two(attributes["strides"]), "padding": _text(attributes["padding"]["s"]).lower()}


def _two(attribute: dict[str, Any]) -> tuple[int, int]:
    """Height and width of a list for batch, height, width and channels."""
    _, height, width, _ = attribute["list"]["i"]
    return int(height), int(width)


def _text(encoded: str) -> str:
    return base64.b64decode(encoded).decode()


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise FerZooError(f"{path} is missing or not JSON: {error}") from error
