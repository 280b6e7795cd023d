"""The variants that are compared: their settings, one training run for each seed, and their inputs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fer_zoo.data.augment import AUGMENTATIONS
from fer_zoo.faces.landmarks import crop_landmarks
from fer_zoo.training import TrainingConfig, train
from fer_zoo.training.reporter import Reporter

from ..trained import trained

if TYPE_CHECKING:
    import keras

NONE, GIVEN = "none", "given"

# Model, its options and the weight of the landmark loss.
_SETTINGS: dict[str, tuple[str, tuple[str, ...], float]] = {
    NONE: ("fernet_nano", (), 0.0),
    "auxiliary": ("fernet_nano_landmark", ("gated=False",), 10.0),
    "gating": ("fernet_nano_landmark", (), 0.0),
    "both": ("fernet_nano_landmark", (), 10.0),
    GIVEN: ("fernet_nano", (), 0.0),
    "attention": ("fernet_nano", ("squeeze=4",), 0.0),
    "multi-scale": ("fernet_nano", ("scales=True",), 0.0),
}
VARIANTS: dict[str, str] = {
    NONE: "`fernet_nano`",
    "auxiliary": "a head that learns landmarks beside the expressions, and leaves the features alone",
    "gating": "soft maps that gate the features, and no landmark to learn from",
    "both": "`fernet_nano_landmark`: the maps gate the features, and the head learns landmarks",
    GIVEN: "the same gate, its maps made of the detector's landmarks, for training and test: the upper bound",
    "attention": "squeeze-and-excitation at 12² and at the end, reduction 4",
    "multi-scale": "classified from the 12² maps, too",
}
# Those that can show where they think the landmarks are.
GUIDED = ("gating", "both")


def config_of(variant: str, seed: int, epochs: int, data: str | None, backend: str) -> TrainingConfig:
    """The settings of one run: alike for all variants but for model and landmark loss."""
    model, options, weight = _SETTINGS[variant]
    return TrainingConfig(
        model=model,
        model_options=options,
        landmark_weight=weight,
        backend=backend,
        data=data,
        epochs=epochs,
        optimizer="sgd",
        learning_rate=0.1,
        schedule="cosine",
        warmup_epochs=1,
        weight_decay=1e-3,
        label_smoothing=0.1,
        augmentation=AUGMENTATIONS["affine"],
        seed=seed,
    )


def train_variant(variant: str, config: TrainingConfig, folder: Path, reporter: Reporter) -> Path:
    """The model of one run, trained if `folder` has none, or trained on if it has an unfinished one.

    Raises:
        UsageError: The run in `folder` has other settings.
    """
    return trained(config, folder, reporter, _train_given if variant == GIVEN else train)


def inputs_of(variant: str, images: np.ndarray) -> np.ndarray:
    """The inputs of a variant for `images`, uint8 `[n, 48, 48]`: uint8 `[n, 48, 48, channels]`."""
    return with_maps(images, crop_landmarks(images)) if variant == GIVEN else images[..., None]


def with_maps(images: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """Images with a Gaussian about each landmark as further channels, black where landmarks are not known.

    Args:
        images: uint8 `[n, size, size]`.
        landmarks: float32 `[n, 5, 2]`, shares of the side, or NaN.

    Returns:
        uint8 `[n, size, size, 6]`.
    """
    from fer_zoo.models.guidance import WIDTH

    size = images.shape[1]
    middles = (np.arange(size, dtype=np.float32) + 0.5) / size
    profiles = np.exp(-((middles[:, None, None] - landmarks[:, None]) ** 2) / (2 * WIDTH**2))
    maps = profiles[:, None, :, :, 0] * profiles[:, :, None, :, 1]
    return np.concatenate([images[..., None], np.rint(255 * np.nan_to_num(maps)).astype(np.uint8)], axis=3)


def _train_given(config: TrainingConfig, folder: Path, *, reporter: Reporter) -> None:
    """`fer_zoo.training.train` for a model whose input has the maps, which no published model has."""
    from fer_zoo.data.batches import Batch, Batches
    from fer_zoo.files import atomic_path
    from fer_zoo.sharding import all_cores
    from fer_zoo.training.checkpoint import Checkpoint
    from fer_zoo.training.fit import Run, fit_network
    from fer_zoo.training.run_folder import mark_finished, write_config
    from fer_zoo.training.seed import seeded
    from fer_zoo.training.splits import load_splits
    from fer_zoo.training.targets import soft_labels
    from fer_zoo.zoo.keras_file import save_keras

    class MapBatches(Batches):
        def batch(self, epoch: int, position: int) -> Batch:
            images, (targets, points), (weights, known) = super().batch(epoch, position)
            landmarks = np.where(known[:, None], points, np.nan).reshape(len(points), -1, 2)
            maps = with_maps(np.rint(images[..., 0]).astype(np.uint8), landmarks)
            return maps.astype(np.float32), targets, weights

    class MapRun(Run):
        def selection_inputs(self) -> np.ndarray:
            return selection

    with all_cores(config.batch_size), seeded(config.seed):
        config = config.with_precision()
        splits = load_splits(config, reporter)
        training = splits.training
        selection = inputs_of(GIVEN, splits.selection.images)
        model = _given_model(len(splits.record.labels))
        batches = MapBatches(
            training.images,
            soft_labels(training, config),
            config.batch_size,
            config.seed,
            config.augmentation,
            landmarks=crop_landmarks(training.images, reporter.track),
        )
        folder.mkdir(parents=True, exist_ok=True)
        write_config(folder, config, model, splits, "python -m benchmarks landmarks")
        checkpoint = Checkpoint(folder, model, resume=True)
        fit_network(MapRun(config, model, batches, splits.selection, checkpoint, reporter))
        model.set_weights(checkpoint.best_weights)
        with atomic_path(folder / "model.keras") as temporary:
            save_keras(model, temporary, splits.record.labels)
        mark_finished(folder)


def _given_model(classes: int) -> keras.Model:
    """fernet_nano_landmark, gated by the maps in its input, `[batch, 48, 48, 6]`."""
    import keras
    from keras import layers

    from fer_zoo.contract import IMAGE_SIZE
    from fer_zoo.models.blocks import classifier
    from fer_zoo.models.fernet_nano import early_stages, late_stages
    from fer_zoo.models.guidance import gate

    inputs = layers.Input((IMAGE_SIZE, IMAGE_SIZE, 6), name="image")
    channels = layers.Reshape((IMAGE_SIZE**2, 6, 1))(inputs)
    image = layers.Reshape((IMAGE_SIZE, IMAGE_SIZE, 1))(layers.Cropping2D(((0, 0), (0, 5)))(channels))
    maps = layers.Reshape((IMAGE_SIZE, IMAGE_SIZE, 5))(layers.Cropping2D(((0, 0), (1, 0)))(channels))
    middle = early_stages(layers.Rescaling(1 / 127.5, offset=-1.0)(image))
    maps = layers.AveragePooling2D(IMAGE_SIZE // middle.shape[1])(layers.Rescaling(1 / 255)(maps))
    outputs = classifier(late_stages(gate(middle, maps)), classes, dropout=0.0)
    return keras.Model(inputs, outputs, name="fernet_nano_given")
