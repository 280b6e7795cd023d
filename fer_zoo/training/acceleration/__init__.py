"""Faster layers for the training step, never part of a published model.

A training model is a clone of the published one in which some layers are replaced by subclasses with the same variables
and the same mathematics, computed the way the backend is fast at on a CPU.
"""

from __future__ import annotations

from importlib import import_module

import keras

from fer_zoo.models import guidance
from fer_zoo.sharding import training_step_model
from fer_zoo.training.precision import uses_accelerator

# Channels that oneDNN's normalization in bfloat16 takes at once; it is ten times as slow where some are left over.
_LANES = 16


def training_model(model: keras.Model, precision: str = "float32") -> keras.Model:
    """Clone `model` for training: fast layers, compute in `precision`, logits as output.

    Args:
        model: A zoo model, whose last two layers are `logits` and `probabilities`, or the upper part of one; it may
            give landmarks, too.
        precision: `float32` or `bfloat16` (weights, batch statistics, logits and loss stay in float32).

    Returns:
        A model to `logits`, float32 `[batch, classes]`, and where `model` gives landmarks to `[batch, 10]`, whose
        `get_weights()` are those of `model`, in the same order.
    """
    fast = _fast_layers()
    policy = {"float32": "float32", "bfloat16": "mixed_bfloat16"}[precision]

    def clone(layer: keras.layers.Layer) -> keras.layers.Layer:
        config = layer.get_config()
        in_float32 = layer.name == "logits" or layer.name.startswith(guidance.PREFIX)
        config["dtype"] = "float32" if in_float32 or _slow_in_bfloat16(layer) else policy
        return fast.get(type(layer), type(layer)).from_config(config)

    if len(model.outputs) > 1:  # Both end a layer earlier: the order of the layers stays.
        model = keras.Model(model.inputs, [model.get_layer(name).output for name in ("logits", guidance.POINTS)])
    elif model.layers[-1].name != "logits":
        model = keras.Model(model.inputs, model.get_layer("logits").output)
    clone_of_logits = keras.models.clone_model(model, clone_function=clone)
    clone_of_logits.set_weights(model.get_weights())
    return training_step_model(clone_of_logits.inputs, clone_of_logits.output)


def _fast_layers() -> dict[type[keras.layers.Layer], type[keras.layers.Layer]]:
    """The replacements on this backend.

    There are none for JAX on a GPU or TPU: XLA has its own kernels there, where it has none that are fast on a CPU. The
    layers of the other backends choose by the device themselves.
    """
    backend = keras.backend.backend()
    if backend == "jax" and uses_accelerator():
        return {}
    return import_module(f"fer_zoo.training.acceleration.{backend}_layers").FAST_LAYERS


def _slow_in_bfloat16(layer: keras.layers.Layer) -> bool:
    """Whether TensorFlow takes far longer over the layer in bfloat16 than in float32."""
    if isinstance(layer, keras.layers.BatchNormalization):
        return layer.moving_mean.shape[0] % _LANES > 0
    return isinstance(layer, keras.layers.DepthwiseConv2D)
