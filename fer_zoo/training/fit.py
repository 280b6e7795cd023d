"""Fitting a model: the one call of Keras's `fit`, for the head alone and for the network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import keras
import numpy as np

from fer_zoo.data import Dataset
from fer_zoo.data.batches import Batches
from fer_zoo.inference.predictor import Predictor
from fer_zoo.models.guidance import without_landmarks
from fer_zoo.training.backbone_features import FeatureBatches
from fer_zoo.training.batch_norm import correct_bias, limit_momentum
from fer_zoo.training.callbacks import EpochEnd, Phase
from fer_zoo.training.checkpoint import Checkpoint
from fer_zoo.training.config import TrainingConfig
from fer_zoo.training.optimizer import compiled
from fer_zoo.training.reporter import Reporter
from fer_zoo.training.run_folder import FROZEN_FEATURES
from fer_zoo.training.seed import seeded
from fer_zoo.training.stream import Stream
from fer_zoo.training.transfer import freeze, split_frozen, unfreeze


@dataclass(frozen=True)
class Run:
    """The model, data and checkpoint of a run, for both phases.

    Attributes:
        config: The run's settings.
        model: The published model, perhaps with landmarks as a second output; with pretrained weights in its backbone
            where the config has `transfer`.
        batches: Training images.
        selection: Images on which the best epoch is chosen.
        checkpoint: The run's state after its last finished epoch.
        reporter: Receives the record of each epoch.
        callbacks: Further callbacks of Keras.
    """

    config: TrainingConfig
    model: keras.Model
    batches: Batches
    selection: Dataset
    checkpoint: Checkpoint
    reporter: Reporter
    callbacks: Sequence[keras.callbacks.Callback] = ()

    def selection_inputs(self) -> np.ndarray:
        """The selection images as inputs of the model, `[n, 48, 48, channels]`."""
        return self.selection.images[..., None]


def fit(run: Run, trained: keras.Model, batches: Batches | FeatureBatches, phase: Phase) -> None:
    """Train a compiled model, the head or the whole network, for the epochs of `phase` that are not finished yet."""
    steps, finished = len(batches), run.checkpoint.epochs(phase.name)
    with run.reporter.progress(phase.name or "training", phase.epochs * steps, finished * steps) as advance:
        trained.fit(
            Stream(batches, finished, phase.epochs),
            steps_per_epoch=steps,
            initial_epoch=finished,
            epochs=phase.epochs,
            callbacks=[EpochEnd(phase, run.checkpoint, run.reporter, advance), *run.callbacks],
            shuffle=False,
            verbose=0,
        )


def fit_network(run: Run) -> None:
    """Train a model from random or from trained weights; after `fit_head`, its second phase.

    In the end, the model has the weights of the last epoch.

    Raises:
        FerZooError: The loss became infinite, or the checkpoint does not fit.
    """
    config, model, checkpoint = run.config, run.model, run.checkpoint
    upper, lower = model, None
    if config.transfer:
        freeze(model, config.transfer)
        if config.transfer.cache:
            lower, upper = split_frozen(model)
    steps = len(run.batches)
    limit_momentum(upper, steps)
    # Seeded again, since what was drawn before depends on where a resumed run was stopped.
    with seeded(config.seed):
        trained = compiled(upper, config, steps)
    trainable = upper.trainable_variables
    unfreeze(model)
    predict = Predictor(without_landmarks(model))

    def publish(trained: keras.Model) -> None:
        upper.set_weights(trained.get_weights())
        trained.optimizer.finalize_variable_values(trainable)
        # Copies, since on JAX the two would share arrays, and a compiled step gives its arrays away.
        upper.set_weights([weight.copy() for weight in upper.get_weights()])
        if not config.transfer and not config.warm_start:
            correct_bias(model, steps=(checkpoint.epochs(phase.name) + 1) * steps)

    phase = Phase(
        name="fine-tuning" if config.transfer else None,
        epochs=config.epochs,
        seed=config.seed,
        publish=publish,
        predict=lambda: predict(run.selection_inputs()),
        labels=run.selection.labels,
    )
    checkpoint.restore(trained, phase.name)
    if checkpoint.epochs(phase.name) == phase.epochs:
        return
    source: Batches | FeatureBatches = run.batches
    if config.transfer and lower:
        folder = checkpoint.folder / FROZEN_FEATURES
        source = FeatureBatches(lower, run.batches, config.transfer.head_views, folder, run.reporter)
    fit(run, trained, source, phase)
