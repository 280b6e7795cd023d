"""One training run: from a config to a folder with a model, its history and its evaluation."""

from __future__ import annotations

import dataclasses
import math
import platform
import shlex
import subprocess
import sys
import time
from collections import Counter
from importlib import metadata
from pathlib import Path
from typing import Any

import keras
import numpy as np
from sklearn.model_selection import train_test_split

from fer_zoo import console
from fer_zoo.contract import expressions_of
from fer_zoo.cpu import has_fast_bfloat16
from fer_zoo.data import Dataset, TrainingData, copies_of_train, load_dataset, majority_labels
from fer_zoo.data.batches import Batches, balanced_class_weights
from fer_zoo.data.training_data import kind_of
from fer_zoo.errors import FerZooError, UsageError
from fer_zoo.evaluation import Evaluation, write_report
from fer_zoo.files import atomic_path, write_json
from fer_zoo.inference.predictor import Predictor
from fer_zoo.models import build_model, parse_options
from fer_zoo.models.weights import load_backbone
from fer_zoo.sharding import all_cores
from fer_zoo.text import plural
from fer_zoo.training.acceleration import training_model
from fer_zoo.training.batch_norm import limit_momentum, renew_statistics
from fer_zoo.training.calibration import calibrate, calibration_facts
from fer_zoo.training.checkpoint import load_checkpoint, save_checkpoint
from fer_zoo.training.config import TrainingConfig
from fer_zoo.training.features import FeatureBatches
from fer_zoo.training.history import draw_history, selection_measures, write_history
from fer_zoo.training.run_folder import BEST, CHECKPOINT, delete_state, mark_finished
from fer_zoo.training.seed import seeded
from fer_zoo.training.stream import Stream
from fer_zoo.training.targets import cleaned, distilled, targets_of
from fer_zoo.training.transfer import all_trainable, freeze, rates, split_frozen, train_head, with_rates
from fer_zoo.training.warm_start import warm_start
from fer_zoo.zoo import fine_tuned
from fer_zoo.zoo.keras_file import save_keras


def train(
    config: TrainingConfig, folder: Path, tensorboard: bool = False, resume: bool = False
) -> dict[str, Evaluation]:
    """Train as `config` says.

    Args:
        config: The run's settings; its backend is the one Keras runs on.
        folder: Gets `config.json`, `history.csv` and `.json`, `curves.png`, and in the end `model.keras` (best epoch on
            the selection split) and the evaluation report. Until then `best.keras` is the best model so far.
        tensorboard: Also write event files to `folder/tensorboard`.
        resume: Go on with the unfinished run in `folder`, from its last epoch; else what it holds is replaced.

    Returns:
        The evaluation of `model.keras` on each test split.

    Raises:
        FerZooError: The loss became infinite, or a checkpoint does not fit.
    """
    with all_cores(config.batch_size), seeded(config.seed):
        return _train(config.with_precision(), folder, tensorboard, resume)


def _train(config: TrainingConfig, folder: Path, tensorboard: bool, resume: bool) -> dict[str, Evaluation]:
    dataset = load_dataset(config.data)
    for note in dataset.notes:
        console.out.print(note)
    kind = kind_of(dataset)
    _deterministic()
    options = parse_options(config.model_options) | ({} if config.dropout is None else {"dropout": config.dropout})
    model = build_model(config.model, **options)
    if expressions_of(model.output_shape[1]) != dataset.expressions:
        if config.data and not config.ferplus:
            raise UsageError("FER+'s eight expressions need its votes for these images; pass them with --ferplus")
        dataset = majority_labels(dataset, config.ferplus, config.ambiguous)
    elif config.ambiguous:
        raise UsageError("--ambiguous is for FER+'s expressions; pass --model-options classes=8")
    training, selection = _splits(dataset, config.seed)
    if config.clean:
        training = cleaned(training, dataset.subset("test") if dataset.has("test") else None, config.ferplus)
    if resume and not (folder / BEST).exists():
        (folder / CHECKPOINT).unlink(missing_ok=True)  # It has the weights of the last epoch alone.
    if not (resume and (folder / CHECKPOINT).exists()):
        if config.transfer:
            load_backbone(model, config.transfer.weights)
        if config.warm_start:
            warm_start(model, config.warm_start)
    class_weights = balanced_class_weights(training.labels, len(training.expressions))
    batches = Batches(
        training.images,
        targets_of(training, config),
        config.batch_size,
        config.seed,
        config.augmentation,
        class_weights[training.labels] if config.class_weights else None,
        config.mixup,
        config.views,
    )
    if config.teachers:
        batches.targets = distilled(batches, config, training, selection)
    if config.mean_views:
        batches.targets, batches.views = batches.targets.mean(0, keepdims=True), []
    folder.mkdir(parents=True, exist_ok=True)
    if config.precision == "bfloat16" and has_fast_bfloat16() is False:
        console.out.print("this CPU has no bfloat16 instructions (AVX512-BF16 or AMX): float32 will be faster")
    trained_on = TrainingData.of(kind, dataset, training, selection)
    if not resume:
        delete_state(folder)
        write_json(folder / "config.json", _description(config, trained_on, model))
    console.out.print(
        f"{config.model}: {model.count_params():,} weights, {plural(config.epochs, 'epoch')} on "
        f"{config.backend}, {config.precision}",
        f"data: {trained_on.text}",
        sep="\n",
        markup=False,
    )
    earlier: list[dict[str, Any]] = []
    if config.transfer:
        earlier = train_head(config, model, batches, selection, folder)
        freeze(model, config.transfer)
    if config.epochs:
        _fit(config, folder, model, batches, selection, earlier, tensorboard)
    draw_history(folder)
    details = _finish(config, folder, training, selection)
    evaluations = _evaluate(config, folder, dataset, trained_on, details)
    mark_finished(folder)
    return evaluations


def _fit(
    config: TrainingConfig,
    folder: Path,
    model: keras.Model,
    batches: Batches,
    selection: Dataset,
    earlier: list[dict[str, Any]],
    tensorboard: bool,
) -> None:
    part = model
    source: Batches | FeatureBatches = batches
    if config.transfer and config.transfer.cache:
        frozen, part = split_frozen(model)
        source = FeatureBatches(frozen, batches, config.transfer.head_views, folder / "frozen_features")
    limit_momentum(part, len(batches))
    trained = compiled(part, config, len(batches))
    history = load_checkpoint(folder / CHECKPOINT, trained)
    with _Epochs(config, folder, model, part, selection, earlier, history, len(batches), tensorboard) as epochs:
        if len(history) < config.epochs:
            trained.fit(
                Stream(source, len(history), config.epochs),
                steps_per_epoch=len(batches),
                initial_epoch=len(history),
                epochs=config.epochs,
                callbacks=[epochs],
                shuffle=False,
                verbose=0,
            )
    if isinstance(source, FeatureBatches):
        source.delete()


def compiled(model: keras.Model, config: TrainingConfig, steps: int) -> keras.Model:
    """The training model of `model`, ready to fit.

    Args:
        model: A zoo model.
        config: The run's settings.
        steps: Batches an epoch, which the learning rate's schedule is laid over.

    Returns:
        A model from images to logits that shares no weights with `model`.
    """
    trained = training_model(model, config.with_precision().precision)
    trained.compile(
        optimizer=_optimizer(config, steps, rates(trained, config.transfer) if config.transfer else None),
        loss=keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=config.label_smoothing),
        metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
        jit_compile=keras.backend.backend() == "jax",
    )
    trained.optimizer.build(trained.trainable_variables)
    return trained


class _Epochs(keras.callbacks.Callback):
    """After each epoch: weights into the published model, selection, history, checkpoint; a progress bar throughout.

    `part` is what of `published` is trained; they share their layers.
    """

    def __init__(
        self,
        config: TrainingConfig,
        folder: Path,
        published: keras.Model,
        part: keras.Model,
        selection: Dataset,
        earlier: list[dict[str, Any]],
        history: list[dict[str, Any]],
        steps: int,
        tensorboard: bool,
    ) -> None:
        super().__init__()
        self.config = config
        self.folder = folder
        self.published = published
        self.part = part
        self.predict = Predictor(published)
        self.images = selection.images[..., None]
        self.labels = selection.labels
        self.earlier = earlier
        self.past = history
        self.steps = steps
        self.writer = _tensorboard_writer(folder / "tensorboard") if tensorboard else None
        self.bar = console.progress()
        self.task = self.bar.add_task("training", total=config.epochs * steps, completed=len(history) * steps)

    def __enter__(self) -> _Epochs:
        self.bar.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.bar.stop()

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self.bar.update(self.task, description=f"epoch {epoch + 1}/{self.config.epochs}")
        self.epoch = epoch
        self.started = time.perf_counter()

    def on_train_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        if batch == 0 and keras.backend.backend() == "torch":
            import torch

            # Its dropout draws from the global generator, which no variable keeps, as does a data loader that starts.
            torch.manual_seed(self.config.seed + self.epoch)

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        self.bar.advance(self.task)

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        assert logs is not None
        if not math.isfinite(logs["loss"]):
            raise FerZooError(f"the loss became {logs['loss']} in epoch {epoch + 1}; try a lower learning rate")
        self.part.set_weights(self.model.get_weights())
        self.model.optimizer.finalize_variable_values(self.part.trainable_variables)
        # Copies, since on JAX the two would share arrays, and a compiled step gives its arrays away.
        self.part.set_weights([weight.copy() for weight in self.part.get_weights()])
        if not self.config.transfer and not self.config.warm_start:
            _correct_statistics(self.published, steps=(epoch + 1) * self.steps)
        seconds = time.perf_counter() - self.started
        probabilities = self.predict(self.images)
        entry = {
            "epoch": len(self.earlier) + epoch + 1,
            **({"phase": "fine-tuning"} if self.config.transfer else {}),
            "seconds": round(seconds, 2),
            "learning_rate": float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate)),
            "loss": float(logs["loss"]),
            "accuracy": float(logs["accuracy"]),
            **selection_measures(probabilities, self.labels),
        }
        past = [*self.earlier, *self.past]
        if entry["selection_accuracy"] > max((other["selection_accuracy"] for other in past), default=-1.0):
            with atomic_path(self.folder / BEST) as temporary, all_trainable(self.published):
                save_keras(self.published, temporary)
        self.past.append(entry)
        write_history(self.folder, [*self.earlier, *self.past])
        save_checkpoint(self.folder / CHECKPOINT, self.model, self.past)
        if self.writer:
            for name, value in entry.items():
                self.writer.add_scalar(name, value, epoch + 1)
            self.writer.flush()
        console.out.print(
            f"epoch {epoch + 1:3}/{self.config.epochs}  {seconds:6.1f} s  loss {entry['loss']:.4f}  accuracy "
            f"{entry['accuracy']:.2%}  selection loss {entry['selection_loss']:.4f}  accuracy "
            f"{entry['selection_accuracy']:.2%}"
        )


def _correct_statistics(model: keras.Model, steps: int) -> None:
    """Take what is left of the initial mean 0 and variance 1 out of the moving averages, as Adam does for its moments.

    A short run would otherwise publish a model that normalizes with them: after 276 steps at momentum 0.99 it said
    `happy` to nearly every image, at 56 % on its training batches.
    """
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            left = layer.momentum**steps
            layer.moving_mean.assign(layer.moving_mean / (1 - left))
            layer.moving_variance.assign((layer.moving_variance - left) / (1 - left))


def _splits(dataset: Dataset, seed: int) -> tuple[Dataset, Dataset]:
    """The training images, and those on which the best epoch is chosen: PublicTest, else a tenth held out of train."""
    training = dataset.subset("train")
    if dataset.has("public_test"):
        return training, dataset.subset("public_test")
    console.out.print("no PublicTest images: the best epoch is chosen on a tenth held out of the training images")
    counts = Counter(training.expressions[label] for label in training.labels)
    rarest, needed = min(counts, key=counts.__getitem__), 10 * len(counts) - 9
    if counts[rarest] < 2 or len(training) < needed:
        raise UsageError(
            f"{dataset.source} has {len(training)} training images, {counts[rarest]} of them {rarest}: too few to hold "
            f"a tenth out for choosing the epoch, which takes {needed} images and 2 of each expression"
        )
    kept, held = train_test_split(np.arange(len(training)), test_size=0.1, random_state=seed, stratify=training.labels)
    return training.take(np.sort(kept)), training.take(np.sort(held))


def _deterministic() -> None:
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()


def _optimizer(config: TrainingConfig, steps: int, factors: list[float] | None) -> keras.optimizers.Optimizer:
    rate: float | keras.optimizers.schedules.LearningRateSchedule = config.learning_rate
    if config.schedule == "cosine":
        warmup = round(min(config.warmup_epochs, config.epochs / 2) * steps)
        rate = keras.optimizers.schedules.CosineDecay(
            initial_learning_rate=0.0 if warmup else config.learning_rate,
            decay_steps=config.epochs * steps - warmup,
            warmup_target=config.learning_rate if warmup else None,
            warmup_steps=warmup,
        )
    kind, options = {
        "adam": (keras.optimizers.Adam, {}),
        "adamw": (keras.optimizers.AdamW, {}),
        "sgd": (keras.optimizers.SGD, {"momentum": 0.9, "nesterov": True}),
    }[config.optimizer]
    if factors:
        kind = with_rates(kind, factors)
    optimizer = kind(
        learning_rate=rate,
        weight_decay=config.weight_decay or None,
        use_ema=config.ema > 0,
        ema_momentum=config.ema or 0.99,
        **options,
    )
    if config.weight_decay:
        optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


def _finish(config: TrainingConfig, folder: Path, training: Dataset, selection: Dataset) -> dict[str, str]:
    """What is done to the best model after the last epoch; facts about it for the report."""
    details = {}
    model = keras.models.load_model(folder / BEST)
    if config.renew_statistics:
        weights, before = model.get_weights(), _accuracy(model, selection)
        renew_statistics(model, training.images, config.seed)
        after = _accuracy(model, selection)
        if after < before:
            model.set_weights(weights)
        details["batch normalization"] = (
            f"{'the batches' if after < before else 'plain images'}' statistics: "
            f"{before:.2%} right with the batches', {after:.2%} with those of plain training images"
        )
    if config.calibrate:
        fitted = calibrate(model, selection.images, selection.labels, config.class_offsets)
        details |= calibration_facts(*fitted, selection.expressions)
    with atomic_path(folder / "model.keras") as temporary:
        save_keras(model, temporary)
    return details


def _accuracy(model: keras.Model, images: Dataset) -> float:
    answers = Predictor(model)(images.images[..., None])
    return float((answers.argmax(1) == images.labels).mean())


def _evaluate(
    config: TrainingConfig, folder: Path, dataset: Dataset, trained_on: TrainingData, details: dict[str, str]
) -> dict[str, Evaluation]:
    if not dataset.has("test"):
        console.out.print("no test images: the evaluation is left out")
        return {}
    test = dataset.subset("test")
    best = keras.models.load_model(folder / "model.keras")
    probabilities = Predictor(best)(test.images[..., None])
    details = {"trained on": f"{config.backend}, {config.precision}", "data": dataset.source} | details
    copies = copies_of_train(dataset, test, trained_on)
    title = f"{config.model}, trained on {config.backend}"
    return write_report(folder, title, test, probabilities, details, trained_on, copies)


def _description(config: TrainingConfig, trained_on: TrainingData, model: keras.Model) -> dict[str, Any]:
    names = ("fer-zoo", "keras", "numpy", config.backend)
    training = dataclasses.asdict(config)
    return {
        "model": model.name,
        "backend": config.backend,
        "command": shlex.join(["python", "-m", "fer_zoo.train", *sys.argv[1:]]),
        "training": training,
        "finished": False,
        "fine_tuned": fine_tuned({"training": training}),
        "weights": model.count_params(),
        "data": trained_on.to_json(),
        "versions": {"python": platform.python_version(), **{name: _version(name) for name in names}},
        "commit": _commit(),
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _commit() -> str | None:
    result = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=Path(__file__).parent, capture_output=True, text=True, check=False
    )
    return result.stdout.strip() or None


def _tensorboard_writer(folder: Path) -> Any:
    try:
        from tensorboard.summary import Writer
    except ImportError as error:
        raise UsageError("TensorBoard is not installed; run `pip install 'fer-zoo[tensorboard]'`") from error
    return Writer(str(folder))
