"""Guidance by landmarks: the maps are Gaussians, the head a second output, and training keeps the order of weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fer_zoo.models import build_model

keras = pytest.importorskip("keras")


def test_maps_are_gaussians_about_the_landmarks() -> None:
    from fer_zoo.models.guidance import WIDTH, landmark_maps

    landmarks = keras.Input((5, 2))
    model = keras.Model(landmarks, landmark_maps(landmarks, 12))
    points = np.random.default_rng(0).uniform(-0.2, 1.2, (3, 5, 2)).astype(np.float32)
    middles = (np.arange(12) + 0.5) / 12
    x, y = (points[:, None, None, :, axis] for axis in (0, 1))
    square = (middles[None, None, :, None] - x) ** 2 + (middles[None, :, None, None] - y) ** 2
    np.testing.assert_allclose(model.predict_on_batch(points), np.exp(-square / (2 * WIDTH**2)), atol=1e-5)


def test_a_saved_model_gives_its_landmarks(tmp_path: Path) -> None:
    from fer_zoo.models.guidance import LANDMARKS, with_landmarks

    model = build_model("fernet_nano_landmark", classes=3)
    model.save(tmp_path / "model.keras")
    images = np.random.default_rng(0).uniform(0, 255, (2, 48, 48, 1)).astype(np.float32)
    loaded = with_landmarks(keras.models.load_model(tmp_path / "model.keras"))
    probabilities, landmarks = loaded.predict_on_batch(images)
    np.testing.assert_allclose(probabilities, model.predict_on_batch(images), atol=1e-6)
    assert landmarks.shape == (2, 5, 2)
    assert np.abs(landmarks - [[0.32, 0.37], [0.67, 0.37], [0.48, 0.59], [0.35, 0.75], [0.64, 0.75]]).max() < 0.3
    with pytest.raises(ValueError, match=LANDMARKS):
        with_landmarks(build_model("fernet_nano"))


@pytest.mark.parametrize("gated", [True, False])
def test_the_training_model_has_the_weights_in_the_same_order(gated: bool) -> None:
    from fer_zoo.models.guidance import LANDMARKS, POINTS, PREFIX
    from fer_zoo.training.acceleration import training_model

    model = build_model("fernet_nano_landmark", gated=gated, landmarks=True)
    trained = training_model(model, "bfloat16")
    assert [output.shape for output in trained.outputs] == [(None, 7), (None, 10)]
    assert trained.output_names == ["logits", POINTS]
    assert [weight.path for weight in trained.weights] == [weight.path for weight in model.weights]
    for one, other in zip(trained.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    floats = {layer.name for layer in trained.layers if layer.compute_dtype == "float32"}
    assert {layer.name for layer in model.layers if layer.name.startswith(PREFIX)} - floats <= {LANDMARKS}


def test_an_auxiliary_head_leaves_fernet_nano() -> None:
    from fer_zoo.models.guidance import without_landmarks

    guided = build_model("fernet_nano_landmark", gated=False, landmarks=True)
    published, nano = without_landmarks(guided), build_model("fernet_nano")
    assert published.output.shape == (None, 7)
    assert [weight.path for weight in published.weights] == [weight.path for weight in nano.weights]
    assert guided.count_params() > nano.count_params()
    assert without_landmarks(nano) is nano
