"""The published `.keras` gives the same probabilities on every backend."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fer_zoo.artifacts import artifacts_dir, load_manifest
from fer_zoo.backend import BACKENDS, installed_backends

PREDICT = """
import sys
from fer_zoo.backend import select_backend
select_backend(sys.argv[1])
import keras, numpy as np
from fer_zoo.data import load_dataset

model = keras.models.load_model(sys.argv[2])
assert not [type(layer) for layer in model.layers if not type(layer).__module__.startswith("keras.")]
images = load_dataset().subset("test").images[: int(sys.argv[4]), ..., None].astype("float32")
np.save(sys.argv[3], model.predict(images, batch_size=256, verbose=0))
"""

# All test images, but of a network that XLA takes minutes over on a CPU a part of them.
MOST_MACS, PART = 50_000_000, 256

ORIGINALS = [artifact for artifact in load_manifest() if artifact.format == "keras"]


@pytest.mark.slow
@pytest.mark.parametrize("artifact", ORIGINALS, ids=lambda artifact: artifact.model)
def test_three_backends_give_the_same_probabilities(artifact, tmp_path: Path) -> None:
    missing = set(BACKENDS) - set(installed_backends())
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    probabilities = {}
    count = 7178 if artifact.macs < MOST_MACS else PART
    for backend in BACKENDS:
        path = tmp_path / f"{backend}.npy"
        call = [sys.executable, "-c", PREDICT, backend, artifacts_dir() / artifact.path, path, str(count)]
        done = subprocess.run(call, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        probabilities[backend] = np.load(path)
    assert len(probabilities["jax"]) == count
    for backend in ("tensorflow", "torch"):
        assert np.abs(probabilities[backend] - probabilities["jax"]).max() <= 1e-5
