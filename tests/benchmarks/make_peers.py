"""Write small models in the formats that peers are published in."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest


def write_hdf5(path: Path, size: int = 64, layer: str = "SeparableConv2D") -> dict[str, np.ndarray]:
    """A Keras 2.0.5 file: separable convolution, batch normalization, ReLU, pooling, average, softmax."""
    h5py = pytest.importorskip("h5py")
    rng = np.random.default_rng(0)
    shapes = {"depthwise_kernel": (3, 3, 1, 1), "pointwise_kernel": (1, 1, 1, 7)}
    weights = {name: rng.normal(0, 1, shape).astype(np.float32) for name, shape in shapes.items()}
    weights |= {name: rng.uniform(0.5, 1.5, 7).astype(np.float32) for name in ("gamma", "moving_variance")}
    weights |= {name: rng.normal(0, 1, 7).astype(np.float32) for name in ("beta", "moving_mean")}
    conv = {"strides": [1, 1], "padding": "same", "activation": "linear"}
    pool = {"pool_size": [3, 3], "strides": [2, 2], "padding": "same"}
    layers: list[tuple[str, str, dict[str, Any]]] = [
        ("InputLayer", "input_1", {"batch_input_shape": [None, size, size, 1]}),
        (layer, "separable", conv),
        ("BatchNormalization", "norm", {"epsilon": 0.001}),
        ("Activation", "relu", {"activation": "relu"}),
        ("MaxPooling2D", "pool", pool),
        ("GlobalAveragePooling2D", "mean", {}),
        ("Activation", "softmax", {"activation": "softmax"}),
    ]
    nodes = [
        {
            "class_name": kind,
            "name": name,
            "config": config,
            "inbound_nodes": [[[layers[i - 1][1], 0, 0, {}]]] if i else [],
        }
        for i, (kind, name, config) in enumerate(layers)
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps({"config": {"layers": nodes, "output_layers": [["softmax", 0, 0]]}})
        for name, value in weights.items():
            kind = "separable" if "kernel" in name else "norm"
            file.create_dataset(f"model_weights/{kind}/{kind}/{name}:0", data=value)
    return weights


def expected(weights: dict[str, np.ndarray], images: np.ndarray) -> np.ndarray:
    """What the model of `write_hdf5` gives, in plain NumPy: float `[n, size, size, 1]` to `[n, 7]`."""
    size = images.shape[1]
    padded = np.pad(images[..., 0].astype(np.float64), ((0, 0), (1, 1), (1, 1)))
    kernel = weights["depthwise_kernel"][:, :, 0, 0]
    filtered = sum(kernel[i, j] * padded[:, i : i + size, j : j + size] for i in range(3) for j in range(3))
    x = filtered[..., None] * weights["pointwise_kernel"][0, 0, 0]
    x = (x - weights["moving_mean"]) / np.sqrt(weights["moving_variance"] + 0.001) * weights["gamma"] + weights["beta"]
    x = np.maximum(x, 0)
    # An even size with stride 2 and window 3 lacks one row and column, which `same` adds below and to the right.
    x = np.pad(x, ((0, 0), (0, 1), (0, 1), (0, 0)), constant_values=-np.inf)
    half = size // 2
    x = np.max([x[:, i : i + 2 * half : 2, j : j + 2 * half : 2] for i in range(3) for j in range(3)], axis=0)
    powers = np.exp(x.mean(axis=(1, 2)))
    return powers / powers.sum(1, keepdims=True)


def write_graph_model(path: Path, weights: dict[str, np.ndarray], relu: str = "Relu") -> None:
    """A TensorFlow.js graph model: fused convolution with stride 2, mean, softmax."""
    ones = {"list": {"i": ["1", "2", "2", "1"]}}
    fused = {
        "fused_ops": {"list": {"s": [_text("BiasAdd"), _text(relu)]}},
        "strides": ones,
        "padding": {"s": _text("SAME")},
    }
    dims = [{"size": size} for size in ("-1", "8", "8", "1")]
    nodes = [
        {"name": "image", "op": "Placeholder", "attr": {"shape": {"shape": {"dim": dims}}}},
        *({"name": name, "op": "Const"} for name in weights),
        {"name": "conv", "op": "_FusedConv2D", "input": ["image", "kernel", "bias"], "attr": fused},
        {"name": "mean", "op": "Mean", "input": ["conv", "axes"], "attr": {}},
        {"name": "softmax", "op": "Softmax", "input": ["mean"], "attr": {}},
    ]
    entries = [{"name": n, "shape": list(w.shape), "dtype": w.dtype.name} for n, w in weights.items()]
    manifest = [{"paths": ["weights.bin"], "weights": entries}]
    path.write_text(json.dumps({"modelTopology": {"node": nodes}, "weightsManifest": manifest}))
    path.with_name("weights.bin").write_bytes(b"".join(weight.tobytes() for weight in weights.values()))


def _text(word: str) -> str:
    return base64.b64encode(word.encode()).decode()
