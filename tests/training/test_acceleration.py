"""Fast layers compute what the stock ones do: outputs, gradients, statistics, in the same order of variables."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from fer_zoo.backend import installed_backends

# Takes one plain-SGD step of a layer alone, stock and fast, from the same weights; prints the relative differences.
LAYERS = """
import json, sys
from fer_zoo.backend import select_backend
select_backend(sys.argv[1])
from importlib import import_module
import keras, numpy as np
from keras import layers

fast = import_module(f"fer_zoo.training.acceleration.{sys.argv[1]}_layers").FAST_LAYERS
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
    "depthwise_strided": (layers.DepthwiseConv2D(3, strides=2, padding="same", activation="relu"), (12, 12, 8)),
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

def step(layer, weights, images, targets):
    # A scale before the layer shows the gradient towards its input.
    image = layers.Input(images.shape[1:])
    scale = layers.EinsumDense("nhwc,hwc->nhwc", output_shape=images.shape[1:], kernel_initializer="ones")
    model = keras.Model(image, layer(scale(image)))
    if weights:
        layer.set_weights(weights)
    model.compile(keras.optimizers.SGD(0.1), "mse", jit_compile=sys.argv[1] == "jax")
    loss = model.train_on_batch(images, targets)
    return [np.asarray(loss), *model.get_weights()]

differences = {}
for name, (layer, shape) in cases.items():
    images = random.normal(size=(16, *shape)).astype("float32")
    layer.build(images.shape)
    weights = layer.get_weights()
    targets = random.normal(size=tuple(layer.compute_output_shape(images.shape))).astype("float32")
    twin = fast.get(type(layer), type(layer)).from_config(layer.get_config())
    results = step(layer, weights, images, targets), step(twin, weights, images, targets)
    differences[name] = [float(np.abs(a - b).max() / max(np.abs(a).max(), 1e-3)) for a, b in zip(*results, strict=True)]
print(json.dumps(differences))
"""

MODEL = """
import json, sys
from fer_zoo.backend import select_backend
select_backend(sys.argv[1])
import keras, numpy as np
from fer_zoo.models import build_model
from fer_zoo.training.acceleration import training_model

keras.utils.set_random_seed(3)
model = build_model("baseline_cnn")
random = np.random.default_rng(0)
images = random.integers(0, 256, (4, 48, 48, 1)).astype("float32")
result = {"weights": [list(w.shape) for w in model.weights]}
for precision in ("float32", "bfloat16"):
    trained = training_model(model, precision)
    result[precision] = {
        "weights": [list(w.shape) for w in trained.weights],
        "fast": sum(type(layer).__module__.startswith("fer_zoo") for layer in trained.layers),
        "dtype": str(trained.output.dtype),
        "difference": float(np.abs(keras.ops.convert_to_numpy(
            keras.ops.softmax(trained(images)) - model(images))).max()),
    }
print(json.dumps(result))
"""


def _run(script: str, backend: str) -> dict:
    if backend not in installed_backends():
        pytest.skip(f"{backend} is not installed")
    done = subprocess.run([sys.executable, "-c", script, backend], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_layer_steps_equal_stock_layers(backend: str) -> None:
    for name, differences in _run(LAYERS, backend).items():
        # The fused kernels of TensorFlow and torch take the unbiased variance, n / (n - 1) larger, into the average.
        assert max(differences) < 2e-4, (name, differences)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_training_model_is_the_published_one(backend: str) -> None:
    result = _run(MODEL, backend)
    for precision, tolerance in (("float32", 1e-6), ("bfloat16", 0.01)):
        assert result[precision]["weights"] == result["weights"]
        assert result[precision]["fast"] >= 3
        assert result[precision]["dtype"] == "float32"
        assert result[precision]["difference"] < tolerance
