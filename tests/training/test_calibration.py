"""What is done to a trained model: temperature scaling, statistics of images as they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fer_zoo.data import load_dataset
from fer_zoo.training.calibration import fit_offsets, fit_temperature
from fer_zoo.zoo.manifest import artifacts_dir

PUBLISHED = artifacts_dir() / "baseline_cnn" / "model.keras"


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


@pytest.fixture
def model() -> Any:
    """The shipped baseline_cnn."""
    return pytest.importorskip("keras").models.load_model(PUBLISHED)


def test_calibrating_a_model_keeps_its_answers_and_lowers_its_loss(model: Any) -> None:
    from fer_zoo.training.calibration import calibrate

    test = load_dataset().subset("test").take(slice(0, 600))
    images = test.images[..., None].astype("float32")

    def loss(probabilities: np.ndarray) -> float:
        return -np.log(probabilities[np.arange(len(test)), test.labels]).mean()

    logits = model.get_layer("logits")
    logits.set_weights([weight * 3 for weight in logits.get_weights()])
    before = model.predict(images, verbose=0)
    fitted = calibrate(model, test.images, test.labels)
    assert not fitted.offsets.any()
    after = model.predict(images, verbose=0)
    assert fitted.temperature > 1.5
    np.testing.assert_array_equal(before.argmax(1), after.argmax(1))
    assert loss(after) < loss(before) - 0.1
    assert calibrate(model, test.images, test.labels).temperature == pytest.approx(1, abs=0.01)
    before = model.predict(images, verbose=0)
    fitted = calibrate(model, test.images, test.labels, class_offsets=True)
    last = model.predict(images, verbose=0)
    ratio = last / np.exp(np.log(before) / fitted.temperature + fitted.offsets)
    np.testing.assert_allclose(ratio / ratio.mean(1, keepdims=True), 1, rtol=1e-3)
    assert loss(last) < loss(after)


def test_statistics_are_those_of_the_images(model: Any) -> None:
    import keras

    from fer_zoo.training.batch_norm import recalibrate_batch_norm

    images = load_dataset().subset("train").images[:512]
    first, frozen, *_ = _normalizations(model)
    frozen.trainable = False
    kept = frozen.get_weights()
    momentum = first.momentum
    first.moving_mean.assign(first.moving_mean * 0 + 100)
    recalibrate_batch_norm(model, images, seed=1)
    values = keras.Model(model.input, first.input).predict(images[..., None].astype("float32"), verbose=0)
    _, _, mean, variance = first.get_weights()
    np.testing.assert_allclose(mean, values.mean((0, 1, 2)), rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(variance, values.var((0, 1, 2)), rtol=2e-2, atol=1e-3)
    for before, after in zip(kept, frozen.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)
    assert first.momentum == momentum


def test_statistics_that_make_a_model_worse_are_not_kept(model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from fer_zoo.training import batch_norm

    def spoil(model: Any, images: np.ndarray, seed: int) -> None:
        for layer in _normalizations(model):
            layer.moving_mean.assign(layer.moving_mean + 10.0)

    monkeypatch.setattr(batch_norm, "recalibrate_batch_norm", spoil)
    images = load_dataset().subset("test").take(slice(0, 300))
    before = model.get_weights()
    recalibration = batch_norm.recalibrate_if_better(model, images.images, images, seed=1)
    assert not recalibration.accepted
    assert recalibration.facts()["batch normalization"].startswith("moving averages of training; accuracy")
    for weight, unchanged in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, unchanged)


def _normalizations(model: Any) -> list[Any]:
    import keras

    return [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
