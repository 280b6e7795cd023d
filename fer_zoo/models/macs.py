"""Multiply-accumulates of a Keras model."""

from __future__ import annotations

import math

import keras
from keras import layers

from fer_zoo.models.nested import leaf_layers


def count_macs(model: keras.Model) -> int:
    """Multiply-accumulates of one image through the convolutions and dense layers, nested models included."""
    return sum(_macs(layer) for layer in leaf_layers(model))


def _macs(layer: keras.layers.Layer) -> int:
    if isinstance(layer, layers.SeparableConv2D):
        depthwise, pointwise = layer.depthwise_kernel.shape, layer.pointwise_kernel.shape
        return math.prod(layer.output.shape[1:3]) * (math.prod(depthwise) + math.prod(pointwise))
    if isinstance(layer, (layers.Conv2D, layers.DepthwiseConv2D)):
        return math.prod(layer.output.shape[1:3]) * math.prod(layer.kernel.shape)
    if isinstance(layer, layers.Dense):
        return math.prod(layer.output.shape[1:-1]) * math.prod(layer.kernel.shape)
    return 0
