"""Faster layers for the training step, never part of a published model.

A training model is a clone of the published one in which some layers are replaced by subclasses with the same variables
and the same mathematics, computed the way the backend is fast at on a CPU.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module

import keras

from fer_zoo.cpu import cores

# Channels that oneDNN's normalization in bfloat16 takes at once; it is ten times as slow where some are left over.
_LANES = 16
_MOST_SHARES = 8


def training_model(model: keras.Model, precision: str = "float32") -> keras.Model:
    """Clone `model` for training: fast layers, compute in `precision`, logits as output.

    Args:
        model: A zoo model, whose last two layers are `logits` and `probabilities`, or the upper part of one.
        precision: `float32` or `bfloat16` (weights, batch statistics, logits and loss stay in float32).

    Returns:
        A model to `logits`, float32 `[batch, classes]`, whose `get_weights()` are those of `model`, in the same order.
    """
    backend = import_module(f"fer_zoo.training.acceleration.{keras.backend.backend()}_layers")
    policy = {"float32": "float32", "bfloat16": "mixed_bfloat16"}[precision]

    def clone(layer: keras.layers.Layer) -> keras.layers.Layer:
        config = layer.get_config()
        config["dtype"] = "float32" if layer.name == "logits" or _slow_in_bfloat16(layer) else policy
        return backend.FAST_LAYERS.get(type(layer), type(layer)).from_config(config)

    if model.layers[-1].name != "logits":
        model = keras.Model(model.inputs, model.get_layer("logits").output)
    clone_of_logits = keras.models.clone_model(model, clone_function=clone)
    clone_of_logits.set_weights(model.get_weights())
    return clone_of_logits


@contextmanager
def all_cores(batch_size: int) -> Iterator[None]:
    """On JAX, give each core of the CPU its share of every batch, as if each was a device.

    XLA keeps little more than one core busy with a convolution of this size. What is computed stays the same, batch
    statistics of the whole batch among it. Nothing happens on other backends, on a GPU, or where JAX runs already.

    Args:
        batch_size: Images a step; the number of shares divides it, and is at most 8. A batch of another size that they
            do not divide is computed by all of them alike.
    """
    if keras.backend.backend() != "jax":
        yield
        return
    import jax

    shares = max(n for n in range(1, min(cores(), _MOST_SHARES) + 1) if batch_size % n == 0)
    with suppress(RuntimeError):
        jax.config.update("jax_num_cpu_devices", shares)
    devices = jax.devices()
    before = keras.distribution.distribution()
    if devices[0].platform == "cpu" and 1 < len(devices) == shares:
        keras.distribution.set_distribution(_Shares(auto_shard_dataset=False))
    try:
        yield
    finally:
        keras.distribution.set_distribution(before)


class _Shares(keras.distribution.DataParallel):
    def get_data_layout(self, data_shape: tuple[int, ...]) -> keras.distribution.TensorLayout:
        if data_shape[0] % self.num_model_replicas:
            return keras.distribution.TensorLayout([None] * len(data_shape), self.device_mesh)
        return super().get_data_layout(data_shape)


def _slow_in_bfloat16(layer: keras.layers.Layer) -> bool:
    """Whether TensorFlow takes far longer over the layer in bfloat16 than in float32."""
    if isinstance(layer, keras.layers.BatchNormalization):
        return layer.moving_mean.shape[0] % _LANES > 0
    return isinstance(layer, keras.layers.DepthwiseConv2D)
