"""The published `.keras` gives the same probabilities on every backend."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from workers import answers

from fer_zoo.backend import BACKENDS
from fer_zoo.data import load_dataset
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
