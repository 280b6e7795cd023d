"""Transfer learning on a tiny backbone: both phases, kill and resume in each, what stays frozen, rates by depth."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import numpy as np
import pytest
from workers import answers

from fer_zoo.data.augment import Augmentation
from fer_zoo.data.batches import Batches, one_hot
from fer_zoo.errors import UsageError
from fer_zoo.training.config import TrainingConfig, Transfer

if TYPE_CHECKING:
    import keras


def tiny(name: str = "tiny", **options: Any) -> keras.Model:
    """A backbone of four convolutions under the zoo's head."""
    import keras
    from keras import layers

    from fer_zoo.models.rgb import expression_head, gray_image, to_rgb

    image = gray_image()
    x = to_rgb(image, 32, 1 / 127.5, -1.0)
    for index in range(4):
        x = layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False, name=f"conv{index}")(x)
        x = layers.BatchNormalization(name=f"bn{index}")(x)
        x = layers.ReLU(6.0, name=f"relu{index}")(x)
    return keras.Model(image, expression_head(x, 7, 0.3), name="tiny")


class KilledError(Exception):
    """A run ended by force."""


def transfer_facts(backend: str, folder: Path) -> dict[str, Any]:
    """Train the tiny model in both phases, whole, killed and resumed, with and without cache; what came of it."""
    import keras

    from fer_zoo.training import loop as run

    config = TrainingConfig(
        backend=backend,
        data=str(folder / "small.zip"),
        epochs=2,
        batch_size=16,
        augmentation=Augmentation(),
        schedule="cosine",
        warmup_epochs=0.5,
        ema=0.9,
        precision="float32",
        transfer=Transfer("none", head_epochs=3, head_views=2, unfreeze=0.5, lowest_rate=0.1),
    )
    keras.utils.set_random_seed(config.seed)
    start = tiny()
    with patch.object(run, "build_model", tiny), patch.object(run, "load_backbone", lambda model, source: None):
        whole = _trained(config, folder / "whole")
    # One report is enough.
    with (
        patch.object(run, "build_model", tiny),
        patch.object(run, "load_backbone", lambda model, source: None),
        patch.object(run, "write_report", lambda *arguments: {}),
    ):
        config = replace(config, augmentation=None)
        _trained(config, folder / "every time")
        config = replace(config, transfer=replace(config.transfer, cache=True))
        once = _trained(config, folder / "once")
        # Killing is the costly part; on the other backends, tests/training/test_run.py kills a run of one phase.
        resumed = _killed_and_resumed(config, folder / "killed") if backend == "tensorflow" else None
    history = _history(folder / "whole")

    def kernel_moved(name: str) -> float:
        before, after = (model.get_layer(name).get_weights()[0] for model in (start, whole))
        return float(np.abs(before - after).max())

    return {
        "phases": [entry["phase"] for entry in history],
        "epochs": [entry["epoch"] for entry in history],
        "left": {path.name for path in (folder / "whole").iterdir()},
        "same": resumed is None
        or (_same_weights(once, resumed) and _histories_agree(folder / "once", folder / "killed")),
        "moved": {name: kernel_moved(name) for name in ("conv0", "conv1", "logits")},
        "trainable": all(layer.trainable for layer in whole.layers),
        "config": TrainingConfig.load(folder / "once" / "config.json") == config,
        "losses": {
            name: [entry["selection_loss"] for entry in _history(folder / name)] for name in ("every time", "once")
        },
        "files of a cached run": {path.name for path in (folder / "once").iterdir()},
        "files of another run": {path.name for path in (folder / "every time").iterdir()},
        **_parts(config.transfer),
        **_features(start, folder),
        **_rates(config.transfer),
    }


def _trained(config: TrainingConfig, folder: Path) -> keras.Model:
    import keras

    from fer_zoo.training import loop as run

    run.train(config, folder, resume=(folder / "config.json").exists())
    return keras.models.load_model(folder / "model.keras")


def _killed_and_resumed(config: TrainingConfig, folder: Path) -> keras.Model:
    """The model of a run that is killed in each phase and between them."""
    from fer_zoo.training import head
    from fer_zoo.training.checkpoint import Checkpoint

    for epochs in (2, 4):
        with patch.object(Checkpoint, "save", _killing(Checkpoint.save, epochs)), suppress(KilledError):
            _trained(config, folder)
        if epochs == 2:
            with patch.object(head, "reestimate_statistics", side_effect=KilledError), suppress(KilledError):
                _trained(config, folder)
    return _trained(config, folder)


def _killing(save: Callable[..., Any], epochs: int) -> Callable[..., Any]:
    def save_and_kill(checkpoint: Any, *arguments: Any, **measures: Any) -> Any:
        record = save(checkpoint, *arguments, **measures)
        if len(checkpoint.history) == epochs:
            raise KilledError
        return record

    return save_and_kill


def _parts(settings: Transfer) -> dict[str, Any]:
    """Where the frozen part of the tiny model ends, and how far both parts are from the whole."""
    import keras

    from fer_zoo.training import transfer

    frozen = tiny()
    transfer.freeze(frozen, settings)
    lower, upper = transfer.split_frozen(frozen)
    noise = np.random.default_rng(0).uniform(0, 255, (2, 48, 48, 1)).astype("float32")
    whole = keras.Model(frozen.input, frozen.get_layer("logits").output)
    difference = answers(upper, answers(lower, noise)) - answers(whole, noise)
    return {"meet": lower.layers[-1].name, "parts": float(np.abs(difference).max())}


def _features(model: keras.Model, folder: Path) -> dict[str, Any]:
    """How far cached features and targets are from those of the backbone."""
    from fer_zoo.training import transfer
    from fer_zoo.training.backbone_features import FeatureBatches

    images = np.random.default_rng(0).integers(0, 256, (40, 48, 48)).astype("uint8")
    batches = Batches(images, one_hot(np.arange(40) % 7), 16, 1)
    backbone, _ = transfer.split(model)
    features = FeatureBatches(backbone, batches, 3, folder / "features")
    x, y, w = features.batch(1, 2)
    images, targets, weights = batches.batch(1, 2)
    expected = answers(backbone, images)
    return {
        "features": float(np.abs(x - expected).max() / np.abs(expected).max()),
        "targets": bool(np.array_equal(y, targets) and np.array_equal(w, weights)),
        "views": len(features.views),
    }


def _rates(settings: Transfer) -> dict[str, Any]:
    """The learning rate of each variable, and what an optimizer with two rates makes of two ones."""
    import keras

    from fer_zoo.training import transfer
    from fer_zoo.training.optimizer import with_factors

    model = tiny()
    transfer.freeze(model, settings)
    rates = zip(
        [v.path for v in model.trainable_variables], transfer.learning_rate_factors(model, settings), strict=True
    )
    value = [keras.Variable(np.ones(3, "float32"), name=name) for name in "ab"]
    optimizer = with_factors(keras.optimizers.SGD, [1.0, 0.1])(0.5)
    optimizer.build(value)
    optimizer.apply([keras.ops.ones(3), keras.ops.ones(3)], value)
    return {"rates": dict(rates), "steps": [float(keras.ops.convert_to_numpy(v)[0]) for v in value]}


def _same_weights(one: keras.Model, other: keras.Model) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(one.get_weights(), other.get_weights(), strict=True))


def _history(folder: Path) -> list[dict[str, Any]]:
    return json.loads((folder / "history.json").read_text())


def _histories_agree(one: Path, other: Path) -> bool:
    first, second = ([entry | {"seconds": 0} for entry in _history(folder)] for folder in (one, other))
    return first == second


@pytest.fixture(scope="module", params=["tensorflow", "jax"])
def facts(
    request: pytest.FixtureRequest, part_of_bundle, tmp_path_factory: pytest.TempPathFactory, on_backend
) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp(request.param)
    part_of_bundle(folder / "small.zip", 80)
    return on_backend(request.param, transfer_facts, request.param, folder)


@pytest.mark.slow
def test_two_phases_make_one_run(facts: dict) -> None:
    assert facts["phases"] == ["head"] * 3 + ["fine-tuning"] * 2
    assert facts["epochs"] == [1, 2, 3, 4, 5]
    assert facts["config"]
    assert facts["trainable"]
    expected = {"model.keras", "config.json", "history.csv", "history.json", "curves.png", "evaluation.json"}
    assert expected <= facts["left"]
    assert not [name for name in facts["left"] if "checkpoint" in name or "best" in name or "features" in name]


@pytest.mark.slow
def test_killed_in_each_phase_and_resumed_equals_never_killed(facts: dict) -> None:
    assert facts["same"]


@pytest.mark.slow
def test_the_lower_part_of_the_backbone_stays(facts: dict) -> None:
    assert facts["moved"]["conv0"] == 0
    assert facts["moved"]["conv1"] == 0
    assert facts["moved"]["logits"] > 0


@pytest.mark.slow
def test_cached_features_are_the_backbones(facts: dict) -> None:
    assert facts["features"] < 2e-3
    assert facts["targets"]
    assert facts["views"] == 1


@pytest.mark.slow
def test_frozen_layers_are_computed_once(facts: dict) -> None:
    assert facts["meet"] == "relu1"
    assert facts["parts"] < 1e-5
    assert facts["losses"]["once"] == pytest.approx(facts["losses"]["every time"], abs=5e-3)
    assert len(set(facts["losses"]["once"])) == 5
    assert facts["files of a cached run"] == facts["files of another run"]


@pytest.mark.slow
def test_rates_fall_with_depth(facts: dict) -> None:
    rates = {path.split("/")[-2]: rate for path, rate in facts["rates"].items()}
    assert rates == pytest.approx({"conv2": 0.1, "bn2": 0.1, "conv3": 0.1**0.5, "bn3": 0.1**0.5, "logits": 1})
    assert facts["steps"] == pytest.approx([0.5, 0.95])


@pytest.mark.parametrize(
    ("option", "value"), [("unfreeze", 1.5), ("head_views", 0), ("batch_norm", "thawed"), ("cache", True)]
)
def test_impossible_transfer_settings_name_the_value(option: str, value: object) -> None:
    with pytest.raises(UsageError, match="cache" if option == "cache" else str(value)):
        Transfer("imagenet", **{option: value})


def test_only_transfer_may_have_no_second_phase() -> None:
    assert TrainingConfig(epochs=0, transfer=Transfer("imagenet")).epochs == 0
    with pytest.raises(UsageError, match="epochs is 0"):
        TrainingConfig(epochs=0)
