"""A small network trained on JAX on 1, 2, 3 and 8 devices; imported where Keras runs on JAX."""

from __future__ import annotations

from pathlib import Path
from unittest import mock

import keras
import numpy as np
from keras import layers
from sklearn.utils.class_weight import compute_sample_weight

from fer_zoo import sharding
from fer_zoo.data.augment import Augmentation
from fer_zoo.data.batches import Batches, one_hot
from fer_zoo.inference.predictor import Predictor
from fer_zoo.models.rgb import expression_head, gray_image, to_rgb
from fer_zoo.training import TrainingConfig
from fer_zoo.training.backbone_features import FeatureBatches
from fer_zoo.training.config import Transfer
from fer_zoo.training.optimizer import compile_model, compiled
from fer_zoo.training.stream import Stream
from fer_zoo.training.transfer import freeze, split, split_frozen

DEVICES = (1, 2, 3, 8)
IMAGES = (1, 55, 128, 129)
BATCH = 128
EPOCHS = 2
PLAIN = TrainingConfig(backend="jax", batch_size=BATCH, optimizer="sgd", learning_rate=0.01)
TRANSFER = TrainingConfig(
    backend="jax",
    batch_size=BATCH,
    optimizer="sgd",
    learning_rate=0.01,
    transfer=Transfer("none", cache=True, unfreeze=0.5),
)

Result = dict[str, np.ndarray]


def network() -> keras.Model:
    keras.utils.set_random_seed(3)
    image = gray_image()
    x = to_rgb(image, 48, 1 / 127.5, -1.0)
    for index, size in enumerate((3, 1)):
        x = layers.Conv2D(8, size, strides=2, padding="same", use_bias=False, name=f"conv{index}")(x)
        x = layers.BatchNormalization(momentum=0.5, name=f"bn{index}")(x)
        x = layers.ReLU(6.0, name=f"relu{index}")(x)
    x = layers.MaxPooling2D(2)(x)
    return keras.Model(image, expression_head(x, 7, 0.3))


def batches(count: int, kind: str) -> Batches:
    random = np.random.default_rng(count)
    labels = random.integers(0, 7, count)
    return Batches(
        random.integers(0, 256, (count, 48, 48)).astype(np.uint8),
        one_hot(labels),
        BATCH,
        seed=1,
        augmentation=Augmentation() if kind == "plain" else None,
        weights=compute_sample_weight("balanced", labels).astype(np.float32) if kind == "class weights" else None,
        mixup=0.4 if kind == "mixup" else 0.0,
    )


def fit(trained: keras.Model, start: list[np.ndarray], source: Batches | FeatureBatches) -> np.ndarray:
    """Weights after two epochs from the same start, and loss and accuracy of each."""
    variables = [*trained.variables, *trained.optimizer.variables]
    for variable, value in zip(variables, start, strict=True):
        variable.assign(value)
    history = trained.fit(
        Stream(source, 0, EPOCHS), steps_per_epoch=len(source), epochs=EPOCHS, shuffle=False, verbose=0
    ).history
    parts = [*trained.get_weights(), *(np.array(history[name]) for name in ("loss", "accuracy"))]
    return np.concatenate([np.ravel(part) for part in parts])


def state(trained: keras.Model) -> list[np.ndarray]:
    return [np.array(variable.value) for variable in (*trained.variables, *trained.optimizer.variables)]


def results(folder: Path) -> dict[str, np.ndarray]:
    found = {}
    model = network()
    trained = compiled(model, PLAIN, 1)
    start = state(trained)
    for kind in ("plain", "mixup", "class weights"):
        for count in IMAGES:
            found[f"{kind}, {count} images"] = fit(trained, start, batches(count, kind))
    backbone, head = split(model)
    compile_model(head, keras.optimizers.Adam(1e-3), label_smoothing=0.0)
    start = state(head)
    for count in IMAGES:
        features = FeatureBatches(backbone, batches(count, "head"), 1, folder / f"head{count}")
        found[f"head, {count} images"] = fit(head, start, features)
    model = network()
    freeze(model, TRANSFER.transfer)
    lower, upper = split_frozen(model)
    trained = compiled(upper, TRANSFER, 1)
    start = state(trained)
    for count in IMAGES:
        features = FeatureBatches(lower, batches(count, "cached"), 1, folder / f"cached{count}")
        found[f"cached features, {count} images"] = fit(trained, start, features)
    found["prediction"] = Predictor(model)(batches(129, "").images[..., None], 48)
    return found


def differences(folder: Path) -> dict[int, dict[str, float]]:
    """By number of devices and case, the largest difference from the results on one device."""
    by_devices = {}
    for count in DEVICES:
        with mock.patch.object(sharding, "cores", lambda count=count: count), sharding.all_cores(batch_size=count):
            distribution = keras.distribution.distribution()
            assert (distribution.num_model_replicas if distribution else 1) == count
            by_devices[count] = results(folder / str(count))
    return {
        count: {name: float(np.abs(values - by_devices[1][name]).max()) for name, values in found.items()}
        for count, found in by_devices.items()
    }
