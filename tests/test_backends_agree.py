"""The same weights give the same probabilities on every backend: published `.keras` files, and what has none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from workers import answers

from fer_zoo.backend import BACKENDS
from fer_zoo.data import load_dataset
from fer_zoo.models import build_model
from fer_zoo.zoo import Artifact, artifacts_dir, load_manifest

# Some test images (`python -m benchmarks parity` takes all), few for a network that XLA takes long over on a CPU.
MOST_MACS, MANY, FEW = 50_000_000, 64, 16

# An original that does not ship is an ensemble, whose members are here themselves.
ORIGINALS = [artifact for artifact in load_manifest() if artifact.format == "keras" and artifact.shipped]


def published_answers(path: Path, count: int) -> np.ndarray:
    """What a published model says about the first test images; all its layers are Keras's own."""
    import keras

    model = keras.models.load_model(path)
    assert not [type(layer) for layer in model.layers if not type(layer).__module__.startswith("keras.")]
    images = load_dataset().subset("test").images[:count, ..., None].astype("float32")
    return answers(model, images)


@pytest.mark.slow
@pytest.mark.parametrize("artifact", ORIGINALS, ids=lambda artifact: artifact.model)
def test_three_backends_give_the_same_probabilities(artifact: Artifact, on_backend) -> None:
    count = MANY if artifact.macs < MOST_MACS else FEW
    path = artifacts_dir() / artifact.path
    probabilities = {backend: on_backend(backend, published_answers, path, count) for backend in BACKENDS}
    assert len(probabilities["jax"]) == count
    for backend in ("tensorflow", "torch"):
        assert np.abs(probabilities[backend] - probabilities["jax"]).max() <= 1e-5


def made_logits(name: str, options: dict[str, object]) -> np.ndarray:
    """Logits of the first test images by a model whose kernels are the same random numbers on every backend.

    Scales are 1: those of `resnet50`'s residual branches begin at 0, which would hide the branches.
    """
    import keras

    model = build_model(name, **options)
    generator = np.random.default_rng(0)
    for weight in model.weights:
        if len(weight.shape) > 1:
            weight.assign(generator.normal(size=weight.shape) * (2 / np.prod(weight.shape[:-1])) ** 0.5)
        elif weight.path.endswith("/gamma"):
            weight.assign(np.ones(weight.shape))
    images = load_dataset().subset("test").images[:FEW, ..., None].astype("float32")
    return answers(keras.Model(model.input, model.get_layer("logits").output), images)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("fernet_nano", {"blur": True, "scales": True, "squeeze": 4}),
        ("fernet_nano_landmark", {}),
        ("efficientnet_b0", {"size": 32}),
        ("resnet50", {}),
    ],
)
def test_networks_without_published_weights(name: str, options: dict[str, object], on_backend) -> None:
    logits = {backend: on_backend(backend, made_logits, name, options) for backend in BACKENDS}
    spread = np.ptp(logits["jax"], axis=0).max()
    for backend in ("tensorflow", "torch"):
        np.testing.assert_allclose(logits[backend], logits["jax"], rtol=0, atol=1e-4 * spread)
