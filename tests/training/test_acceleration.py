"""Fast layers compute what the stock ones do: outputs, gradients, statistics, in the same order of variables."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

import numpy as np
import pytest
from workers import answers

from fer_zoo.backend import BACKENDS

if TYPE_CHECKING:
    import keras


def layer_differences(backend: str) -> dict[str, list[float]]:
    """The relative differences of loss and weights after one plain-SGD step of a layer alone, stock and fast."""
    import keras
    from keras import layers

    fast = import_module(f"fer_zoo.training.acceleration.{backend}_layers").FAST_LAYERS
    random = np.random.default_rng(0)
    keras.utils.set_random_seed(0)
    cases = {
        "norm": (layers.BatchNormalization(), (12, 12, 8)),
        "norm_plain": (layers.BatchNormalization(scale=False, center=False), (12, 12, 8)),
        "norm_frozen": (layers.BatchNormalization(trainable=False), (12, 12, 8)),
        "pool": (layers.MaxPooling2D(2), (12, 12, 8)),
        "pool_odd": (layers.MaxPooling2D(2), (11, 11, 8)),
        "pool_3": (layers.MaxPooling2D(3, strides=2, padding="same"), (12, 12, 8)),
        "conv_1_channel": (layers.Conv2D(8, 3, padding="same"), (12, 12, 1)),
        "conv_valid": (layers.Conv2D(8, 3), (12, 12, 3)),
        "conv_strided": (layers.Conv2D(8, 3, strides=2, padding="same"), (12, 12, 1)),
        "depthwise": (layers.DepthwiseConv2D(3, padding="same"), (12, 12, 8)),
        "depthwise_strided": (
            layers.DepthwiseConv2D(3, strides=2, padding="same", activation="relu"),
            (12, 12, 8),
        ),
        "depthwise_odd": (layers.DepthwiseConv2D(5, strides=2, padding="same", use_bias=False), (11, 11, 8)),
        "depthwise_valid": (layers.DepthwiseConv2D(3, strides=2), (12, 12, 8)),
        "depthwise_twice": (layers.DepthwiseConv2D(3, depth_multiplier=2), (12, 12, 8)),
        "conv_8_channels": (layers.Conv2D(8, 3, padding="same"), (12, 12, 8)),
        "conv_1x1": (layers.Conv2D(16, 1), (12, 12, 40)),
        "conv_5x5_strided": (layers.Conv2D(16, 5, strides=2, padding="same"), (11, 12, 8)),
        "conv_grouped": (layers.Conv2D(16, 3, groups=2), (12, 12, 8)),
        "conv_odd": (layers.Conv2D(16, 3), (11, 10, 8)),
        "conv_128_channels": (layers.Conv2D(128, 3, padding="same", use_bias=False), (8, 8, 128)),
        "conv_64_channels": (layers.Conv2D(64, 3, padding="same"), (6, 7, 80)),
        "conv_in_bands": (layers.Conv2D(64, 3, padding="same"), (26, 25, 64)),
        "conv_128_channels_valid": (layers.Conv2D(128, 3), (10, 6, 128)),
    }
    differences = {}
    for name, (layer, shape) in cases.items():
        images = random.normal(size=(16, *shape)).astype("float32")
        layer.build(images.shape)
        weights = layer.get_weights()
        targets = random.normal(size=tuple(layer.compute_output_shape(images.shape))).astype("float32")
        twin = fast.get(type(layer), type(layer)).from_config(layer.get_config())
        stock, ours = (_step(one, weights, images, targets) for one in (layer, twin))
        differences[name] = [
            float(np.abs(a - b).max() / max(np.abs(a).max(), 1e-3)) for a, b in zip(stock, ours, strict=True)
        ]
    return differences


def _step(layer: keras.Layer, weights: list[np.ndarray], images: np.ndarray, targets: np.ndarray) -> list[np.ndarray]:
    """Loss and weights after the step; a scale before the layer shows the gradient towards its input."""
    import keras

    image = keras.Input(images.shape[1:])
    scale = keras.layers.EinsumDense("nhwc,hwc->nhwc", output_shape=images.shape[1:], kernel_initializer="ones")
    model = keras.Model(image, layer(scale(image)))
    if weights:
        layer.set_weights(weights)
    model.compile(keras.optimizers.SGD(0.1), "mse", jit_compile=keras.backend.backend() == "jax")
    loss = model.train_on_batch(images, targets)
    return [np.asarray(loss), *model.get_weights()]


@dataclass(frozen=True)
class Clone:
    """A training model beside the published one."""

    same_shapes: bool
    fast_layers: int
    dtype: str
    difference: float


def training_clones() -> dict[str, Clone]:
    """baseline_cnn's training model in each precision."""
    import keras

    from fer_zoo.models import build_model
    from fer_zoo.training.acceleration import training_model

    keras.utils.set_random_seed(3)
    model = build_model("baseline_cnn")
    images = np.random.default_rng(0).integers(0, 256, (4, 48, 48, 1)).astype("float32")
    published = answers(model, images)
    clones = {}
    for precision in ("float32", "bfloat16"):
        trained = training_model(model, precision)
        logits = answers(trained, images)
        powers = np.exp(logits - logits.max(1, keepdims=True))
        clones[precision] = Clone(
            [w.shape for w in trained.weights] == [w.shape for w in model.weights],
            sum(type(layer).__module__.startswith("fer_zoo") for layer in trained.layers),
            str(trained.output.dtype),
            float(np.abs(powers / powers.sum(1, keepdims=True) - published).max()),
        )
    return clones


@pytest.mark.slow
@pytest.mark.parametrize("backend", BACKENDS)
def test_layer_steps_equal_stock_layers(backend: str, on_backend) -> None:
    for name, differences in on_backend(backend, layer_differences, backend).items():
        # The fused kernels of TensorFlow and torch take the unbiased variance, n / (n - 1) larger, into the average.
        assert max(differences) < 2e-4, (name, differences)


@pytest.mark.slow
@pytest.mark.parametrize("backend", BACKENDS)
def test_training_model_is_the_published_one(backend: str, on_backend) -> None:
    clones = on_backend(backend, training_clones)
    for precision, tolerance in (("float32", 1e-6), ("bfloat16", 0.01)):
        assert clones[precision].same_shapes
        assert clones[precision].fast_layers >= 3
        assert clones[precision].dtype == "float32"
        assert clones[precision].difference < tolerance


def fast_layers_on_a_gpu() -> int:
    """The number of fast layers of baseline_cnn's training model where JAX computes on a GPU."""
    from unittest.mock import patch

    import jax

    from fer_zoo.models import build_model
    from fer_zoo.training.acceleration import training_model

    with patch.object(jax, "default_backend", return_value="gpu"):
        trained = training_model(build_model("baseline_cnn"))
    return sum(type(layer).__module__.startswith("fer_zoo") for layer in trained.layers)


@pytest.mark.slow
def test_layers_that_are_fast_on_a_cpu_stay_there(on_backend) -> None:
    """On a GPU, JAX's step once had the layers that make up for XLA's slow kernels on a CPU."""
    assert on_backend("jax", fast_layers_on_a_gpu) == 0
