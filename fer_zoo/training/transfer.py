"""Transfer learning in two phases: the head on a frozen backbone's features, then the backbone's upper part too."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers

from fer_zoo import console
from fer_zoo.data import Dataset
from fer_zoo.data.augment import augment
from fer_zoo.data.batches import Batches
from fer_zoo.errors import FerZooError
from fer_zoo.files import atomic_path
from fer_zoo.inference.predictor import Predictor
from fer_zoo.sharding import training_step_model
from fer_zoo.training.checkpoint import load_checkpoint, save_checkpoint
from fer_zoo.training.config import TrainingConfig, Transfer
from fer_zoo.training.features import FeatureBatches, write_features
from fer_zoo.training.history import selection_measures, write_history
from fer_zoo.training.run_folder import BEST, CHECKPOINT, HEAD_BEST, HEAD_CHECKPOINT
from fer_zoo.training.stream import Stream
from fer_zoo.zoo.keras_file import save_keras

# Batch statistics are re-estimated on so many training images.
_STATISTICS_IMAGES = 2048
# keras.applications has 0.999 in places, an average over four epochs here, which a short run would lag behind.
_MOMENTUM = 0.99


def train_head(
    config: TrainingConfig, model: keras.Model, batches: Batches, selection: Dataset, folder: Path
) -> list[dict[str, Any]]:
    """The first phase: the backbone stays as it is, the head is trained.

    Leaves in `model` the pretrained backbone with batch normalization ready for the second phase, and the head of the
    best epoch; in `folder/best.keras` the same. Goes on from `folder/head_checkpoint.npz` where a killed run left one;
    where the second phase has a checkpoint already, that brings the weights, and nothing is done.

    Args:
        config: With `transfer`.
        model: With pretrained weights in its backbone; see `fer_zoo.models.rgb.expression_head`.
        batches: Training images.
        selection: Images that choose the epoch.
        folder: Of the run.

    Returns:
        The history, one entry an epoch.

    Raises:
        FerZooError: The loss became infinite, or a checkpoint does not fit.
    """
    assert config.transfer is not None
    backbone, head = split(model)
    compile_head(head, config)
    history = load_checkpoint(folder / HEAD_CHECKPOINT, head)
    if (folder / CHECKPOINT).exists():
        return history
    epochs = config.transfer.head_epochs
    if len(history) < epochs:
        started = time.perf_counter()
        views = min(config.transfer.head_views, epochs)
        features = FeatureBatches(backbone, batches, views, folder / "features")
        write_features(backbone, selection.images, folder / "features" / "selection.npy")
        seconds = time.perf_counter() - started
        console.out.print(f"features of {len(batches.images):,} images, {len(features.views)} views  {seconds:.1f} s")
        with _HeadEpochs(config, folder, selection, history) as callback:
            head.fit(
                Stream(features, len(history), epochs),
                steps_per_epoch=len(features),
                initial_epoch=len(history),
                epochs=epochs,
                callbacks=[callback],
                shuffle=False,
                verbose=0,
            )
        features.delete()
    if epochs:
        with np.load(folder / HEAD_BEST) as best:
            head.set_weights([best[f"arr_{index}"] for index in range(len(best.files))])
        with atomic_path(folder / BEST) as temporary:
            save_keras(model, temporary)
    chosen = np.random.default_rng(config.seed).permutation(len(batches.images))[:_STATISTICS_IMAGES]
    images = batches.images[np.sort(chosen)]
    if batches.augmentation:
        images = augment(images, batches.augmentation, np.random.default_rng(config.seed))
    reestimate_statistics(backbone, images)
    return history


def compile_head(head: keras.Model, config: TrainingConfig) -> None:
    """Make the head ready to fit, with the optimizer of the first phase."""
    assert config.transfer is not None
    head.compile(
        optimizer=keras.optimizers.Adam(config.transfer.head_learning_rate),
        loss=keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=config.label_smoothing),
        metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
        jit_compile=keras.backend.backend() == "jax",
    )
    head.optimizer.build(head.trainable_variables)


def split(model: keras.Model) -> tuple[keras.Model, keras.Model]:
    """The backbone (image to features) and the head (features to logits) of a model; they share its layers."""
    features = next(layer for layer in model.layers if layer.name.startswith("head_")).input
    return keras.Model(model.input, features), training_step_model(features, model.get_layer("logits").output)


def reestimate_statistics(backbone: keras.Model, images: np.ndarray) -> None:
    """Give every batch normalization the mean and variance that `images` have there, and change nothing it computes.

    Scale and offset take up the difference. In training mode the layer then computes nearly what it did in inference
    mode, so that unfreezing is no shock, neither where a domain differs (gray faces against ImageNet) nor where
    normalization had been folded into the weights (variance 1, whatever the real one is).

    Args:
        backbone: Functional, each layer used once.
        images: uint8 `[n, 48, 48]`.
    """
    norms = [layer for layer in backbone.layers if isinstance(layer, layers.BatchNormalization)]
    if not norms:
        return
    probe = Predictor(keras.Model(backbone.input, [layer.input for layer in norms]))
    size = 32
    means: list[list[np.ndarray]] = [[] for _ in norms]
    squares: list[list[np.ndarray]] = [[] for _ in norms]
    for start in console.track(range(0, len(images) - len(images) % size or 1, size), "batch statistics"):
        outputs = probe.batch(images[start : start + size, ..., None], min(size, len(images)))
        for index, output in enumerate(outputs if isinstance(outputs, list) else [outputs]):
            means[index].append(output.mean((0, 1, 2), np.float64))
            squares[index].append(np.square(output).mean((0, 1, 2), np.float64))
    for layer, mean, square in zip(norms, means, squares, strict=True):
        new_mean = np.mean(mean, 0)
        new_variance = np.maximum(np.mean(square, 0) - new_mean**2, 0)
        gamma, beta, old_mean, old_variance = (np.asarray(weight, np.float64) for weight in layer.get_weights())
        slope = gamma / np.sqrt(old_variance + layer.epsilon)
        gamma = slope * np.sqrt(new_variance + layer.epsilon)
        beta = beta + slope * (new_mean - old_mean)
        layer.set_weights([array.astype(np.float32) for array in (gamma, beta, new_mean, new_variance)])


def freeze(model: keras.Model, transfer: Transfer) -> None:
    """Freeze what the second phase does not train: the lower part of the backbone, and normalization where told.

    A frozen batch normalization runs in inference mode. A learned stem is trained in any case, as is the head.
    """
    backbone = _backbone_layers(model)
    below = _convolutions_below(backbone)
    count = below[-1] + 1
    first = count - round(transfer.unfreeze * count)
    for layer, index in zip(backbone, below, strict=True):
        is_norm = isinstance(layer, layers.BatchNormalization)
        layer.trainable = index >= first and not (is_norm and transfer.batch_norm == "frozen")
        if is_norm:
            layer.momentum = _MOMENTUM


def rates(model: keras.Model, transfer: Transfer) -> list[float]:
    """The factor of the learning rate for each of `model.trainable_variables`.

    1 for the head; in the backbone, layer by layer, geometrically down to `transfer.lowest_rate` for the lowest layer
    that is trained (discriminative fine-tuning: Howard and Ruder 2018, arXiv:1801.06146).
    """
    backbone = [layer for layer in _backbone_layers(model) if layer.trainable]
    count = sum(not isinstance(layer, layers.BatchNormalization) for layer in backbone)
    depth = dict(zip([layer.name for layer in backbone], _convolutions_below(backbone), strict=True))
    factors = {}
    for layer in model.layers:
        factor = transfer.lowest_rate ** (1 - depth[layer.name] / count) if layer.name in depth else 1.0
        factors.update({id(variable): factor for variable in layer.trainable_variables})
    return [factors[id(variable)] for variable in model.trainable_variables]


def split_frozen(model: keras.Model) -> tuple[keras.Model, keras.Model]:
    """What is frozen at the bottom of a model (image to features), and the rest (features to logits); shared layers.

    The two meet at the highest layer that has nothing trainable at or below it and no connection past it.
    """
    order = {id(layer): index for index, layer in enumerate(model.layers)}
    furthest = 0
    meeting = model.layers[0]
    for index, layer in enumerate(model.layers):
        if layer.trainable_variables:
            break
        if furthest <= index:
            meeting = layer
        consumers = [order[id(node.operation)] for node in layer._outbound_nodes if id(node.operation) in order]
        furthest = max([furthest, *consumers])
    return keras.Model(model.input, meeting.output), keras.Model(meeting.output, model.get_layer("logits").output)


def with_rates(kind: type[keras.optimizers.Optimizer], factors: list[float]) -> type[keras.optimizers.Optimizer]:
    """An optimizer class that multiplies the learning rate by a factor for each variable, in the order of its `build`.

    Decoupled weight decay keeps the common rate.
    """

    class Discriminative(kind):
        def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
            super().update_step(gradient, variable, learning_rate * factors[self._get_variable_index(variable)])

    return Discriminative


@contextlib.contextmanager
def all_trainable(model: keras.Model) -> Iterator[None]:
    """Have every layer trainable for as long as the context lives: nobody who loads a saved model expects otherwise."""
    kept = [(layer, layer.trainable) for layer in model.layers]
    for layer in model.layers:
        layer.trainable = True
    try:
        yield
    finally:
        for layer, trainable in kept:
            layer.trainable = trainable


def _backbone_layers(model: keras.Model) -> list[keras.layers.Layer]:
    return [
        layer for layer in model.layers if layer.weights and not layer.name.startswith(("head_", "logits", "stem_rgb"))
    ]


def _convolutions_below(found: list[keras.layers.Layer]) -> list[int]:
    """For each layer the number of layers with weights below it; a normalization has that of what it normalizes."""
    index = -1
    below = []
    for layer in found:
        index += not isinstance(layer, layers.BatchNormalization)
        below.append(index)
    return below


class _HeadEpochs(keras.callbacks.Callback):
    """After each epoch of the head: selection, history, checkpoint."""

    def __init__(
        self,
        config: TrainingConfig,
        folder: Path,
        selection: Dataset,
        history: list[dict[str, Any]],
    ) -> None:
        super().__init__()
        assert config.transfer is not None
        self.config = config
        self.epochs = config.transfer.head_epochs
        self.folder = folder
        self.selection = np.load(folder / "features" / "selection.npy", mmap_mode="r")
        self.labels = selection.labels
        self.past = history
        self.bar = console.progress()
        self.task = self.bar.add_task("head", total=self.epochs, completed=len(history))

    def __enter__(self) -> _HeadEpochs:
        self.bar.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.bar.stop()

    def on_train_begin(self, logs: dict | None = None) -> None:
        self.predict = Predictor(self.model)

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self.started = time.perf_counter()
        self.epoch = epoch

    def on_train_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        if batch == 0 and keras.backend.backend() == "torch":
            import torch

            # See `fer_zoo.training.loop`: its dropout draws from the global generator.
            torch.manual_seed(self.config.seed + self.epoch)

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        assert logs is not None
        if not math.isfinite(logs["loss"]):
            raise FerZooError(f"the loss became {logs['loss']} in epoch {epoch + 1}; try a lower --head-learning-rate")
        seconds = time.perf_counter() - self.started
        logits = self.predict(self.selection)
        entry: dict[str, Any] = {
            "epoch": epoch + 1,
            "phase": "head",
            "seconds": round(seconds, 2),
            "learning_rate": self.config.transfer.head_learning_rate if self.config.transfer else 0.0,
            "loss": float(logs["loss"]),
            "accuracy": float(logs["accuracy"]),
            **selection_measures(_softmax(logits), self.labels),
        }
        if entry["selection_accuracy"] > max((past["selection_accuracy"] for past in self.past), default=-1.0):
            with atomic_path(self.folder / HEAD_BEST) as temporary:
                np.savez(temporary, *self.model.get_weights())
        self.past.append(entry)
        write_history(self.folder, self.past)
        save_checkpoint(self.folder / HEAD_CHECKPOINT, self.model, self.past)
        self.bar.advance(self.task)
        console.out.print(
            f"head {epoch + 1:3}/{self.epochs}  {seconds:6.1f} s  loss {entry['loss']:.4f}  accuracy "
            f"{entry['accuracy']:.2%}  selection loss {entry['selection_loss']:.4f}  accuracy "
            f"{entry['selection_accuracy']:.2%}"
        )


def _softmax(logits: np.ndarray) -> np.ndarray:
    exponentials = np.exp(logits - logits.max(1, keepdims=True))
    return exponentials / exponentials.sum(1, keepdims=True)
