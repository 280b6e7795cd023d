"""Transfer learning on a tiny backbone: both phases, kill and resume in each, what stays frozen, rates by depth."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from fer_zoo.backend import installed_backends
from fer_zoo.errors import UsageError
from fer_zoo.training.config import TrainingConfig, Transfer

SCRIPT = """
import json, sys
from dataclasses import replace
from pathlib import Path
from fer_zoo.backend import select_backend
select_backend(sys.argv[1])
import keras, numpy as np
from keras import layers
from fer_zoo.data.augment import Augmentation
from fer_zoo.data.batches import Batches, one_hot
from fer_zoo.models.rgb import expression_head, gray_image, to_rgb
from fer_zoo.training import run, transfer
from fer_zoo.training.config import Transfer, TrainingConfig
from fer_zoo.training.features import FeatureBatches

folder = Path(sys.argv[2])
data = folder / "small.zip"

def tiny(name="tiny", **options):
    image = gray_image()
    x = to_rgb(image, 32, 1 / 127.5, -1.0)
    for index in range(4):
        x = layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False, name=f"conv{index}")(x)
        x = layers.BatchNormalization(name=f"bn{index}")(x)
        x = layers.ReLU(6.0, name=f"relu{index}")(x)
    return keras.Model(image, expression_head(x, 7, 0.3), name="tiny")

run.build_model = tiny
run.load_backbone = lambda model, source: None
config = TrainingConfig(
    backend=sys.argv[1], data=str(data), epochs=2, batch_size=16, augmentation=Augmentation(), schedule="cosine",
    warmup_epochs=0.5, ema=0.9, transfer=Transfer("none", head_epochs=3, head_views=2, unfreeze=0.5, lowest_rate=0.1),
)

def trained(name):
    run.train(config, folder / name)
    return keras.models.load_model(folder / name / "model.keras")

keras.utils.set_random_seed(config.seed)
start = tiny()
whole = trained("whole")

class Killed(Exception):
    pass

def killing(save, after):
    def save_and_kill(path, model, history):
        save(path, model, history)
        if len(history) == after:
            raise Killed
    return save_and_kill

# Killing is the costly part; on the other backends, tests/training/test_run.py kills a run of one phase.
kills = ((transfer, 2), (run, 1)) if sys.argv[1] == "tensorflow" else ()
kept = transfer.save_checkpoint, run.save_checkpoint
for module, after in kills:
    module.save_checkpoint = killing(module.save_checkpoint, after)
    try:
        trained("killed")
    except Killed:
        pass
    transfer.save_checkpoint, run.save_checkpoint = kept
resumed = trained("killed") if kills else whole

config = replace(config, augmentation=None)
trained("every time")
config = replace(config, transfer=replace(config.transfer, cache=True))
trained("once")
frozen = tiny()
transfer.freeze(frozen, config.transfer)
lower, upper = transfer.split_frozen(frozen)
noise = np.random.default_rng(0).uniform(0, 255, (2, 48, 48, 1)).astype("float32")
parts = keras.ops.convert_to_numpy(upper(lower(noise)))

def same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(a.get_weights(), b.get_weights(), strict=True))

def split_whole(model):
    return keras.Model(model.input, model.get_layer("logits").output)

def kernel_moved(name):
    return float(np.abs(whole.get_layer(name).get_weights()[0] - start.get_layer(name).get_weights()[0]).max())

history = json.loads((folder / "whole" / "history.json").read_text())
batches = Batches(np.random.default_rng(0).integers(0, 256, (40, 48, 48)).astype("uint8"),
                  one_hot(np.arange(40) % 7), 16, 1)
backbone, head = transfer.split(start)
features = FeatureBatches(backbone, batches, 3, folder / "features")
x, y, w = features.batch(1, 2)
images, targets, weights = batches.batch(1, 2)
expected = keras.ops.convert_to_numpy(backbone(images))

model = tiny()
transfer.freeze(model, config.transfer)
rates = dict(zip([v.path for v in model.trainable_variables], transfer.rates(model, config.transfer), strict=True))
value = [keras.Variable(np.ones(3, "float32"), name=name) for name in "ab"]
optimizer = transfer.with_rates(keras.optimizers.SGD, [1.0, 0.1])(0.5)
optimizer.build(value)
optimizer.apply([keras.ops.ones(3), keras.ops.ones(3)], value)
print(json.dumps({
    "phases": [entry["phase"] for entry in history],
    "epochs": [entry["epoch"] for entry in history],
    "left": sorted(path.name for path in (folder / "whole").iterdir()),
    "same": same(whole, resumed) and [dict(e, seconds=0) for e in history] == [
        dict(e, seconds=0)
        for e in json.loads((folder / ("killed" if kills else "whole") / "history.json").read_text())],
    "best": max(history, key=lambda entry: entry["selection_accuracy"])["phase"],
    "moved": {name: kernel_moved(name) for name in ("conv0", "conv1", "logits")},
    "trainable": all(layer.trainable for layer in whole.layers),
    "features": float(np.abs(x - expected).max() / np.abs(expected).max()),
    "targets": bool(np.array_equal(y, targets) and np.array_equal(w, weights)),
    "views": len(features.views),
    "rates": rates,
    "steps": [float(keras.ops.convert_to_numpy(v)[0]) for v in value],
    "config": TrainingConfig.load(folder / "once" / "config.json") == config,
    "losses": {name: [entry["selection_loss"] for entry in json.loads((folder / name / "history.json").read_text())]
               for name in ("every time", "once")},
    "cached": sorted(path.name for path in (folder / "once").iterdir()) == sorted(
        path.name for path in (folder / "every time").iterdir()),
    "meet": lower.layers[-1].name,
    "parts": float(np.abs(parts - keras.ops.convert_to_numpy(split_whole(frozen)(noise))).max()),
}))
"""


@pytest.fixture(scope="module", params=["tensorflow", "jax"])
def facts(request: pytest.FixtureRequest, part_of_bundle, tmp_path_factory: pytest.TempPathFactory) -> dict:
    if request.param not in installed_backends():
        pytest.skip(f"{request.param} is not installed")
    folder = tmp_path_factory.mktemp(request.param)
    part_of_bundle(folder / "small.zip", 80)
    command = [sys.executable, "-c", SCRIPT, request.param, folder]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
def test_two_phases_make_one_run(facts: dict) -> None:
    assert facts["phases"] == ["head"] * 3 + ["fine-tuning"] * 2
    assert facts["epochs"] == [1, 2, 3, 4, 5]
    assert facts["config"]
    assert facts["trainable"]
    expected = {"model.keras", "config.json", "history.csv", "history.json", "curves.png", "evaluation.json"}
    assert expected <= set(facts["left"])
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
    assert facts["cached"]


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
