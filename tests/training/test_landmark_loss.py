"""Training with landmarks as a second target."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fer_zoo import TrainingConfig, UsageError
from fer_zoo.models import build_model

keras = pytest.importorskip("keras")

CONFIG = TrainingConfig(model="fernet_nano_landmark", precision="float32", landmark_weight=2.0)


def test_known_landmarks_alone_teach_the_head() -> None:
    from fer_zoo.training.optimizer import compiled

    model = build_model("fernet_nano_landmark", gated=False, landmarks=True)
    trained = compiled(model, CONFIG, steps=2)
    trained.run_eagerly = True
    random = np.random.default_rng(0)
    images = random.uniform(0, 255, (4, 48, 48, 1)).astype(np.float32)
    targets = np.eye(7, dtype=np.float32)[:4], random.random((4, 10), np.float32)
    weights = [np.ones(4, np.float32), np.array([1, 0, 0, 1], np.float32)]

    def head() -> np.ndarray:
        return np.array(trained.get_layer("landmark_offsets").get_weights()[0])

    before = head()
    trained.train_on_batch(images, targets, (weights[0], 0 * weights[1]))
    np.testing.assert_array_equal(head(), before)
    trained.train_on_batch(images, targets, tuple(weights))
    assert np.abs(head() - before).max() > 0


def test_the_loss_is_the_weighted_mean_absolute_error_of_known_faces() -> None:
    from fer_zoo.training.optimizer import compiled

    model = build_model("fernet_nano_landmark", landmarks=True)
    trained = compiled(model, CONFIG, steps=2)
    trained.run_eagerly = True
    random = np.random.default_rng(1)
    images = random.uniform(0, 255, (4, 48, 48, 1)).astype(np.float32)
    targets = np.eye(7, dtype=np.float32)[:4], random.random((4, 10), np.float32)
    ones, mask = np.ones(4, np.float32), np.array([1, 0, 0, 1], np.float32)
    logits, points = (np.asarray(output) for output in trained(images, training=False))
    without = trained.test_on_batch(images, targets, (ones, 0 * ones), return_dict=True)["loss"]
    with_two = trained.test_on_batch(images, targets, (ones, mask), return_dict=True)["loss"]
    error = np.abs(points - targets[1]).mean(1)
    assert with_two - without == pytest.approx(2.0 * error[[0, 3]].sum() / 4, rel=1e-4)
    shifted = logits - logits.max(1, keepdims=True)
    entropy = np.log(np.exp(shifted).sum(1)) - shifted[np.arange(4), np.arange(4)]
    assert without == pytest.approx(entropy.mean(), rel=1e-4)


def test_a_model_that_finds_none_is_refused(part_of_bundle, tmp_path: Path) -> None:
    from fer_zoo.training.loop import train

    data = part_of_bundle(tmp_path / "faces.zip", 120)
    config = replace(CONFIG, model="fernet_nano", data=str(data), backend=keras.backend.backend())
    with pytest.raises(UsageError, match="fernet_nano finds no landmarks; --landmark-weight is for"):
        train(config, tmp_path / "run")
    assert not (tmp_path / "run" / "config.json").exists()


def test_landmarks_stay_in_the_image_at_the_rates_of_convolutions() -> None:
    from fer_zoo.training.optimizer import compiled

    config = replace(CONFIG, optimizer="sgd", learning_rate=0.1, landmark_weight=10.0)
    trained = compiled(build_model("fernet_nano_landmark", landmarks=True), config, steps=8)
    trained.run_eagerly = True
    random = np.random.default_rng(2)
    images = random.uniform(0, 255, (8, 48, 48, 1)).astype(np.float32)
    targets = np.eye(8, 7, dtype=np.float32), np.full((8, 10), 0.5, np.float32)
    for _ in range(6):
        trained.train_on_batch(images, targets, (np.ones(8, np.float32),) * 2)
    assert np.abs(np.asarray(trained(images, training=True)[1]) - 0.5).mean() < 0.5
