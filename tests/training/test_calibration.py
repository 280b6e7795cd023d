"""What is done to a trained model: temperature scaling, statistics of images as they are."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fer_zoo.backend import installed_backends
from fer_zoo.training.calibration import fit_offsets, fit_temperature


@pytest.mark.parametrize("temperature", [0.4, 1.0, 3.0])
def test_temperature_of_labels_drawn_from_the_probabilities(temperature: float) -> None:
    random = np.random.default_rng(0)
    logits = random.normal(scale=2.0, size=(40_000, 7))
    noise = random.gumbel(size=logits.shape)
    labels = (logits + noise).argmax(1)  # drawn from softmax(logits)
    assert fit_temperature(logits * temperature, labels) == pytest.approx(temperature, rel=0.03)


def test_offsets_of_labels_drawn_from_shifted_logits() -> None:
    random = np.random.default_rng(0)
    logits = random.normal(scale=2.0, size=(40_000, 7))
    offsets = np.linspace(-0.6, 0.6, 7)
    labels = (logits + offsets + random.gumbel(size=logits.shape)).argmax(1)
    temperature, found = fit_offsets(logits * 2, labels, temperature=1.0)
    assert temperature == pytest.approx(2, rel=0.03)
    np.testing.assert_allclose(found, offsets, atol=0.06)


def test_offsets_of_a_class_that_never_occurs_stay_finite() -> None:
    logits = np.random.default_rng(0).normal(size=(200, 7))
    assert np.abs(fit_offsets(logits, logits[:, :6].argmax(1), temperature=1.0)[1]).max() < 5


def test_a_model_that_is_always_right_stays_finite() -> None:
    logits = np.eye(7) * 5
    assert 0.09 < fit_temperature(logits, np.arange(7)) < 0.5


CALIBRATE = """
import keras, numpy as np, sys
from fer_zoo.data import load_dataset
from fer_zoo.training.calibration import calibrate
test = load_dataset().subset("test").take(slice(0, 600))
model = keras.models.load_model(sys.argv[1])
x = test.images[..., None].astype("float32")
def loss(p): return -np.log(p[np.arange(len(p)), test.labels]).mean()
layer = model.get_layer("logits")
layer.set_weights([w * 3 for w in layer.get_weights()])
before = model.predict(x, verbose=0)
temperature, offsets = calibrate(model, test.images, test.labels)
assert not offsets.any()
after = model.predict(x, verbose=0)
assert temperature > 1.5, temperature
assert (before.argmax(1) == after.argmax(1)).all()
assert loss(after) < loss(before) - 0.1, (loss(after), loss(before))
assert abs(calibrate(model, test.images, test.labels)[0] - 1) < 0.01
before = model.predict(x, verbose=0)
temperature, offsets = calibrate(model, test.images, test.labels, class_offsets=True)
last = model.predict(x, verbose=0)
ratio = last / np.exp(np.log(before) / temperature + offsets)
np.testing.assert_allclose(ratio / ratio.mean(1, keepdims=True), 1, rtol=1e-3)
assert loss(last) < loss(after)
print("calibrated")
"""


def test_calibrating_a_model_keeps_its_answers_and_lowers_its_loss(root: Path) -> None:
    assert "calibrated" in _output(CALIBRATE, root)


STATISTICS = """
import keras, numpy as np, sys
from fer_zoo.data import load_dataset
from fer_zoo.training.statistics import renew_statistics
images = load_dataset().subset("train").images[:512]
model = keras.models.load_model(sys.argv[1])
norms = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
first, frozen = norms[0], norms[1]
frozen.trainable = False
kept = frozen.get_weights()
momentum = first.momentum
first.moving_mean.assign(first.moving_mean * 0 + 100)
renew_statistics(model, images, seed=1)
probe = keras.Model(model.input, first.input)
values = np.asarray(probe.predict(images[..., None].astype("float32"), verbose=0))
np.testing.assert_allclose(np.asarray(first.get_weights()[2]), values.mean((0, 1, 2)), rtol=1e-3, atol=1e-3)
np.testing.assert_allclose(np.asarray(first.get_weights()[3]), values.var((0, 1, 2)), rtol=2e-2, atol=1e-3)
for before, after in zip(kept, frozen.get_weights()):
    np.testing.assert_array_equal(before, after)
assert first.momentum == momentum
print("renewed")
"""


def test_statistics_are_those_of_the_images(root: Path) -> None:
    assert "renewed" in _output(STATISTICS, root)


WORSE = """
import shutil, sys
from dataclasses import replace
from pathlib import Path
import keras, numpy as np
from fer_zoo.data import load_dataset
from fer_zoo.training import run
from fer_zoo.training.config import TrainingConfig

folder = Path(sys.argv[2])
shutil.copyfile(sys.argv[1], folder / "model.keras")
images = load_dataset().subset("test").take(slice(0, 300))
before = keras.models.load_model(folder / "model.keras").get_weights()

def spoil(model, images, seed):
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.moving_mean.assign(layer.moving_mean + 10.0)

run.renew_statistics = spoil
details = run._finish(TrainingConfig(renew_statistics=True), folder, images, images)
after = keras.models.load_model(folder / "model.keras").get_weights()
assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))
print(details["batch normalization"])
"""


def test_statistics_that_make_a_model_worse_are_not_kept(root: Path, tmp_path: Path) -> None:
    assert _output(WORSE, root, str(tmp_path)).startswith("the batches' statistics: ")


def _output(script: str, root: Path, *arguments: str) -> str:
    """What the script prints, run on baseline_cnn in a process whose backend is an installed one."""
    environment = os.environ | {"KERAS_BACKEND": installed_backends()[0]}
    model = root / "artifacts" / "baseline_cnn" / "model.keras"
    result = subprocess.run(
        [sys.executable, "-c", script, str(model), *arguments],
        capture_output=True,
        text=True,
        env=environment,
        cwd=root,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout
