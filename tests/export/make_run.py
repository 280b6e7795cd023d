"""A run folder and a small FER2013 zip. Runs on TensorFlow."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from fer_zoo.contract import EXPRESSIONS
from fer_zoo.data import TrainingData, load_dataset
from fer_zoo.data.training_data import kind_of

if TYPE_CHECKING:
    import keras

TRAIN, TEST = 32, 60


def make_run(folder: Path) -> None:
    """Write `run/model.keras` and `small.zip` into a folder.

    The model is untrained, with batch statistics of its own, and the test images are those it is sure about, so that
    int8 changes no answer.
    """
    dataset = load_dataset()
    train, test = dataset.subset("train"), dataset.subset("test")
    model = calibrated(train.images[::20])
    images = test.images[::8]
    probabilities = np.sort(model.predict(images[..., None].astype("float32"), verbose=0), axis=1)
    sure = np.argsort(probabilities[:, -2] - probabilities[:, -1])[:TEST] * 8
    (folder / "run").mkdir()
    model.save(folder / "run" / "model.keras")
    (folder / "run" / "history.csv").write_text("epoch,loss\n1,1.5\n")
    with zipfile.ZipFile(folder / "small.zip", "w") as archive:
        for name, part, rows in (("train", train, range(0, len(train), len(train) // TRAIN)), ("test", test, sure)):
            for row in rows:
                file = io.BytesIO()
                Image.fromarray(part.images[row]).save(file, "PNG")
                prefix = ("Training", "PublicTest", "PrivateTest")[0 if name == "train" else 1 + row // 8 % 2]
                archive.writestr(f"{name}/{EXPRESSIONS[part.labels[row]]}/{prefix}_{row}.png", file.getvalue())
    own = load_dataset(folder / "small.zip")
    data = TrainingData.of(kind_of(own), own, own.subset("train"), own.subset("public_test"))
    config = {"backend": "jax", "command": "python -m fer_zoo.train --backend jax", "commit": "0" * 40}
    (folder / "run" / "config.json").write_text(json.dumps(config | {"data": data.to_json()}))


def calibrated(images: np.ndarray) -> keras.Model:
    """An untrained model with real batch statistics, scales and shifts, and probabilities that differ."""
    import keras

    from fer_zoo.models import build_model

    keras.utils.set_random_seed(3)
    random = np.random.default_rng(3)
    model = build_model("baseline_cnn")
    batch = images[..., None].astype("float32")
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            inputs = keras.Model(model.input, layer.input)(batch).numpy()
            channels = inputs.shape[-1]
            gamma, beta = random.uniform(0.5, 1.5, channels), random.normal(size=channels) / 4
            layer.set_weights([gamma, beta, inputs.mean((0, 1, 2)), inputs.var((0, 1, 2)) + 1e-4])
    logits = model.get_layer("logits")
    kernel = logits.get_weights()[0]
    hidden = keras.Model(model.input, model.get_layer("hidden").output)(batch).numpy()
    values = hidden @ kernel
    logits.set_weights([kernel * 3 / values.std(0), -3 * values.mean(0) / values.std(0)])
    return model
