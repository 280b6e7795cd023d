"""Keras 1 and 2 models in HDF5, read without Keras: today's Keras no longer loads all of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fer_zoo.errors import FerZooError, UsageError

from .network import Network, Tensor

if TYPE_CHECKING:
    from onnx import ModelProto

Weights = dict[str, np.ndarray]


def to_onnx(path: Path) -> ModelProto:
    """Rebuild the network from the configuration and the weights that the file stores.

    Args:
        path: An HDF5 file of `model.save`, a functional model of convolutions with one input and one output.

    Raises:
        UsageError: h5py is not installed.
        FerZooError: The file is damaged or no such model, or has a layer of another kind.
    """
    try:
        import h5py
    except ImportError as error:
        raise UsageError("h5py is not installed; run `pip install 'fer-zoo[export]'` to convert the peers") from error
    try:
        with h5py.File(path) as file:
            config = json.loads(file.attrs["model_config"])["config"]
            weights = {name: _weights_of(group) for name, group in file["model_weights"].items()}
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise FerZooError(f"{path} is damaged or not a Keras model in HDF5: {error}") from error
    first, *layers = config["layers"]
    network = Network(tuple(first["config"]["batch_input_shape"][1:]))
    tensors = {first["name"]: network.input}
    for layer in layers:
        kind, name = layer["class_name"], layer["name"]
        if kind not in _LAYERS:
            raise FerZooError(f"{path} has a layer {name} of the kind {kind}, which this reader does not know")
        inputs = [tensors[node[0]] for node in layer["inbound_nodes"][0]]
        tensors[name] = _LAYERS[kind](network, inputs, layer["config"], weights.get(name, {}))
    return network.finish(tensors[config["output_layers"][0][0]], path.stem)


def _weights_of(group: Any) -> Weights:
    """The arrays of a layer by their last name: `conv2d_1/kernel:0` is `kernel`."""
    weights: Weights = {}

    def visit(name: str, item: Any) -> None:
        if hasattr(item, "dtype"):
            weights[name.rsplit("/", 1)[-1].partition(":")[0]] = np.asarray(item, np.float32)

    group.visititems(visit)
    return weights


def _convolution(network: Network, inputs: list[Tensor], config: dict[str, Any], weights: Weights) -> Tensor:
    x = network.conv(
        inputs[0],
        weights["kernel"],
        weights.get("bias"),
        strides=tuple(config["strides"]),
        padding=config["padding"],
    )
    return _activated(network, x, config["activation"])


def _separable_convolution(network: Network, inputs: list[Tensor], config: dict[str, Any], weights: Weights) -> Tensor:
    kernel, strides = weights["depthwise_kernel"], tuple(config["strides"])
    x = network.depthwise(inputs[0], kernel, strides=strides, padding=config["padding"])
    return _activated(network, network.conv(x, weights["pointwise_kernel"], weights.get("bias")), config["activation"])


def _batch_normalization(network: Network, inputs: list[Tensor], config: dict[str, Any], weights: Weights) -> Tensor:
    scale, shift, mean, variance = (weights[name] for name in ("gamma", "beta", "moving_mean", "moving_variance"))
    return network.batch_normalization(inputs[0], scale, shift, mean, variance, config["epsilon"])


def _max_pooling(network: Network, inputs: list[Tensor], config: dict[str, Any], weights: Weights) -> Tensor:
    return network.max_pool(inputs[0], tuple(config["pool_size"]), tuple(config["strides"]), config["padding"])


def _activated(network: Network, x: Tensor, activation: str) -> Tensor:
    if activation == "linear":
        return x
    if activation not in ("relu", "softmax"):
        raise FerZooError(f"the activation {activation} is not one that this reader knows")
    return network.relu(x) if activation == "relu" else network.softmax(x)


_LAYERS: dict[str, Callable[[Network, list[Tensor], dict[str, Any], Weights], Tensor]] = {
    "Conv2D": _convolution,
    "SeparableConv2D": _separable_convolution,
    "BatchNormalization": _batch_normalization,
    "MaxPooling2D": _max_pooling,
    "Activation": lambda network, inputs, config, _: _activated(network, inputs[0], config["activation"]),
    "Add": lambda network, inputs, config, _: network.add(inputs[0], inputs[1]),
    "GlobalAveragePooling2D": lambda network, inputs, config, _: network.global_average_pool(inputs[0]),
}
