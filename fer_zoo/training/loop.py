"""One training run, from its settings to a folder with the model and its evaluation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from sklearn.utils.class_weight import compute_sample_weight

from fer_zoo.data import Dataset, copies_of_train
from fer_zoo.data.batches import Batches, augmented_views
from fer_zoo.errors import UsageError
from fer_zoo.evaluation import Evaluation, write_report
from fer_zoo.faces.landmarks import crop_landmarks
from fer_zoo.files import atomic_path
from fer_zoo.inference.predictor import Predictor
from fer_zoo.models import build_model, parse_options
from fer_zoo.models.guidance import GUIDED_MODELS, without_landmarks
from fer_zoo.models.weights import load_backbone
from fer_zoo.sharding import all_cores, is_first_process
from fer_zoo.text import plural
from fer_zoo.training.batch_norm import Recalibration, recalibrate_if_better
from fer_zoo.training.calibration import Calibration, calibrate
from fer_zoo.training.callbacks import TensorBoard
from fer_zoo.training.checkpoint import Checkpoint
from fer_zoo.training.config import TrainingConfig
from fer_zoo.training.curves import plot_curves
from fer_zoo.training.fit import Run, fit_network
from fer_zoo.training.head import fit_head
from fer_zoo.training.history import EpochRecord, best_epoch
from fer_zoo.training.precision import multiplies_bfloat16
from fer_zoo.training.processes import process_folder, refuse_disagreement, report_lost_processes
from fer_zoo.training.reporter import SILENT, Reporter
from fer_zoo.training.run_folder import delete_run, mark_finished, refuse_changed_images, write_config
from fer_zoo.training.seed import seeded
from fer_zoo.training.splits import Splits, load_splits
from fer_zoo.training.targets import distilled, soft_labels
from fer_zoo.training.warm_start import warm_start
from fer_zoo.zoo.keras_file import save_keras


@dataclass(frozen=True)
class TrainResult:
    """The result of a run, which is in the run's folder, too.

    Attributes:
        model: The published model, of the best epoch, recalibrated and calibrated as the settings say.
        history: All epochs, of both phases of transfer learning.
        best: The epoch whose weights the model has.
        recalibration: Result of recalibrating batch normalization; `None` if the config does not ask for it.
        calibration: Temperature and offsets of the probabilities; `None` if the config does not ask for it.
        evaluations: Evaluations by test split; empty if there are no test images.
    """

    model: keras.Model
    history: list[EpochRecord]
    best: EpochRecord
    recalibration: Recalibration | None
    calibration: Calibration | None
    evaluations: dict[str, Evaluation]


def train(
    config: TrainingConfig,
    folder: Path,
    *,
    resume: bool = False,
    tensorboard: bool = False,
    command: str | None = None,
    reporter: Reporter = SILENT,
) -> TrainResult:
    """Train a model.

    Where `jax.distributed` has joined several processes, all of them call this with the same arguments and get the same
    result. Each computes its part of every batch; the first one writes and reports.

    Args:
        config: The run's settings; its backend is the one Keras runs on.
        folder: Gets `config.json`, `history.csv` and `.json`, `curves.png`, and in the end `model.keras` (best epoch on
            the selection split) and the evaluation report. Until then `best.keras` is the best model so far.
        resume: Continue the unfinished run in `folder` after its last epoch; otherwise that run is replaced.
        tensorboard: Also write event files to `folder/tensorboard`.
        command: The command line, for `config.json`; `None` records this call.
        reporter: Receives messages and the record of each epoch.

    Raises:
        UsageError: The data cannot be used, or has changed since the resumed run began; or several processes have
            different arguments, or cannot share a batch.
        FerZooError: The loss became infinite, a checkpoint does not fit, another run writes to `folder`, or one of
            several processes has ended.
    """
    with (
        report_lost_processes(),
        all_cores(config.batch_size),
        process_folder(folder, resume) as folder,
        seeded(config.seed),
    ):
        reporter = reporter if is_first_process() else SILENT
        config = config.with_precision()
        _make_deterministic()
        splits = load_splits(config, reporter)
        labels = splits.record.labels
        model = _new_model(config, len(labels))
        if resume:
            refuse_changed_images(folder, splits)
        checkpoint = Checkpoint(folder, model, resume)
        refuse_disagreement(config, splits, checkpoint)
        if not checkpoint.history:
            _load_initial_weights(config, model, labels)
        if config.ferplus_labels:
            model.name += "_ferplus"
        batches = _make_batches(config, splits, reporter)
        if not resume:
            delete_run(folder)
            write_config(
                folder,
                config,
                without_landmarks(model),
                splits,
                command or f"fer_zoo.train({config!r}, {str(folder)!r})",
            )
        _report_start(config, model, splits, reporter)

        callbacks = [TensorBoard(folder / "tensorboard", checkpoint)] if tensorboard else []
        run = Run(config, model, batches, splits.selection, checkpoint, reporter, callbacks)
        if config.transfer:
            fit_head(run)
        if config.epochs:
            fit_network(run)
        plot_curves(checkpoint.history, folder / "curves.png")

        model.set_weights(checkpoint.best_weights)
        model = without_landmarks(model)
        recalibration = calibration = None
        if config.recalibrate_batch_norm:
            recalibration = recalibrate_if_better(model, splits.training.images, splits.selection, config.seed)
        if config.calibrate:
            selection = splits.selection
            calibration = calibrate(model, selection.images, selection.labels, config.class_offsets)
        with atomic_path(folder / "model.keras") as temporary:
            save_keras(model, temporary, labels)
        facts = recalibration.facts() if recalibration else {}
        facts |= calibration.facts(splits.selection.expressions) if calibration else {}
        evaluations = _evaluate(config, folder, model, splits, facts, reporter)
        mark_finished(folder)
        history = checkpoint.history
        return TrainResult(model, history, best_epoch(history), recalibration, calibration, evaluations)


def _make_deterministic() -> None:
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()


def _new_model(config: TrainingConfig, classes: int) -> keras.Model:
    options = parse_options(config.model_options) | ({} if config.dropout is None else {"dropout": config.dropout})
    if config.landmark_weight:
        if config.model not in GUIDED_MODELS:
            raise UsageError(f"{config.model} finds no landmarks; --landmark-weight is for {', '.join(GUIDED_MODELS)}")
        options["landmarks"] = True
    return build_model(config.model, classes=classes, **options)


def _load_initial_weights(config: TrainingConfig, model: keras.Model, labels: tuple[str, ...]) -> None:
    if config.transfer:
        load_backbone(model, config.transfer.weights)
    if config.warm_start:
        warm_start(model, config.warm_start, labels)


def _make_batches(config: TrainingConfig, splits: Splits, reporter: Reporter) -> Batches:
    """The training images with their soft labels and weights, in the views of the config."""
    training = splits.training
    views = augmented_views(training.images, config.augmentation, config.augmented_views, config.seed)
    targets = soft_labels(training, config)
    if config.teachers:
        targets = distilled(targets, views or [training.images], config, training, splits.selection, reporter)
    if config.average_views:
        targets, views = targets.mean(0), ()
    weights = compute_sample_weight("balanced", training.labels).astype(np.float32) if config.class_weights else None
    return Batches(
        training.images,
        targets,
        config.batch_size,
        config.seed,
        config.augmentation,
        weights,
        config.mixup,
        views,
        _landmarks(training, reporter) if config.landmark_weight else None,
    )


def _landmarks(training: Dataset, reporter: Reporter) -> np.ndarray:
    landmarks = crop_landmarks(training.images, reporter.track)
    known = ~np.isnan(landmarks).any((1, 2))
    reporter.message(f"landmarks: found on {known.mean():.1%} of the training faces; the others have no target")
    return landmarks


def _report_start(config: TrainingConfig, model: keras.Model, splits: Splits, reporter: Reporter) -> None:
    if config.precision == "bfloat16" and multiplies_bfloat16() is False:
        reporter.message("this processor has no bfloat16 instructions: float32 will be faster")
    reporter.message(
        f"{config.model}: {model.count_params():,} weights, {plural(config.epochs, 'epoch')} on "
        f"{config.backend}, {config.precision}"
    )
    reporter.message(f"data: {splits.record.text}")


def _evaluate(
    config: TrainingConfig,
    folder: Path,
    model: keras.Model,
    splits: Splits,
    facts: dict[str, str],
    reporter: Reporter,
) -> dict[str, Evaluation]:
    test = splits.test
    if test is None:
        reporter.message("no test images: the evaluation is left out")
        return {}
    facts = {"trained on": f"{config.backend}, {config.precision}", "data": test.source} | facts
    probabilities = Predictor(model)(test.images[..., None])
    copies = copies_of_train(splits.dataset, test, splits.record)
    title = f"{config.model}, trained on {config.backend}"
    return write_report(folder, title, test, probabilities, facts, splits.record, copies)
