"""The published `.keras` gives the same probabilities on every backend."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fer_zoo.backend import BACKENDS, installed_backends
from fer_zoo.zoo import Artifact, artifacts_dir, load_manifest

PREDICT = """
import json, sys
from fer_zoo.backend import select_backend
select_backend(sys.argv[1])
import keras, numpy as np
from fer_zoo.data import load_dataset

images = load_dataset().subset("test").images[..., None].astype("float32")
for path, output, count in json.load(sys.stdin):
    model = keras.models.load_model(path)
    assert not [type(layer) for layer in model.layers if not type(layer).__module__.startswith("keras.")]
    np.save(output, model.predict(images[:count], batch_size=256, verbose=0))
"""

# Some test images (`python -m benchmarks parity` takes all), few for a network that XLA takes long over on a CPU.
MOST_MACS, MANY, FEW = 50_000_000, 256, 64

# An original that does not ship is an ensemble, whose members are here themselves.
ORIGINALS = [artifact for artifact in load_manifest() if artifact.format == "keras" and artifact.shipped]


@pytest.fixture(scope="module")
def predicted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of each backend's answers, `<backend>/<model>.npy`."""
    missing = set(BACKENDS) - set(installed_backends())
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    folder = tmp_path_factory.mktemp("predicted")
    for backend in BACKENDS:
        (folder / backend).mkdir()
        tasks = [
            (str(artifacts_dir() / a.path), str(folder / backend / f"{a.model}.npy"), images_of(a)) for a in ORIGINALS
        ]
        call = [sys.executable, "-c", PREDICT, backend]
        done = subprocess.run(call, input=json.dumps(tasks), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    return folder


def images_of(artifact: Artifact) -> int:
    return MANY if artifact.macs < MOST_MACS else FEW


@pytest.mark.slow
@pytest.mark.parametrize("artifact", ORIGINALS, ids=lambda artifact: artifact.model)
def test_three_backends_give_the_same_probabilities(artifact: Artifact, predicted: Path) -> None:
    probabilities = {backend: np.load(predicted / backend / f"{artifact.model}.npy") for backend in BACKENDS}
    assert len(probabilities["jax"]) == images_of(artifact)
    for backend in ("tensorflow", "torch"):
        assert np.abs(probabilities[backend] - probabilities["jax"]).max() <= 1e-5
