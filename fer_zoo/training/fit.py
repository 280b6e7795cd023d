"""Fitting a model: the one call of Keras's `fit`, for the head alone and for the network."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from fer_zoo.data import Dataset
from fer_zoo.data.batches import Batches
from fer_zoo.inference.predictor import Predictor
from fer_zoo.training.batch_norm import correct_bias, limit_momentum
from fer_zoo.training.callbacks import EpochEnd, Phase
from fer_zoo.training.checkpoint import Checkpoint
from fer_zoo.training.config import TrainingConfig
from fer_zoo.training.features import FeatureBatches
from fer_zoo.training.optimizer import compiled
from fer_zoo.training.reporter import Reporter
from fer_zoo.training.run_folder import FROZEN_FEATURES
from fer_zoo.training.seed import seeded
from fer_zoo.training.stream import Stream
from fer_zoo.training.transfer import freeze, split_frozen, unfreeze

Callbacks = Sequence[keras.callbacks.Callback]


def fit(
    trained: keras.Model,
    batches: Batches | FeatureBatches,
    phase: Phase,
    checkpoint: Checkpoint,
    reporter: Reporter,
    callbacks: Callbacks = (),
) -> None:
    """Train a compiled model for the epochs of `phase` that are not finished yet."""
    steps, finished = len(batches), checkpoint.epochs(phase.name)
    with reporter.progress(phase.name or "training", phase.epochs * steps, finished * steps) as advance:
        trained.fit(
            Stream(batches, finished, phase.epochs),
            steps_per_epoch=steps,
            initial_epoch=finished,
            epochs=phase.epochs,
            callbacks=[EpochEnd(phase, checkpoint, reporter, advance), *callbacks],
            shuffle=False,
            verbose=0,
        )


def fit_network(
    config: TrainingConfig,
    model: keras.Model,
    batches: Batches,
    selection: Dataset,
    checkpoint: Checkpoint,
    reporter: Reporter,
    callbacks: Callbacks = (),
) -> None:
    """Train a model from random or from trained weights; after `fit_head`, its second phase.

    Args:
        config: The run's settings.
        model: The published model; has the weights of the last epoch in the end.
        batches: Training images.
        selection: Images that choose the best epoch.
        checkpoint: Of the run.
        reporter: Hears of each epoch.
        callbacks: More of Keras's.

    Raises:
        FerZooError: The loss became infinite, or the checkpoint does not fit.
    """
    upper, lower = model, None
    if config.transfer:
        freeze(model, config.transfer)
        if config.transfer.cache:
            lower, upper = split_frozen(model)
    steps = len(batches)
    limit_momentum(upper, steps)
    # Seeded again, since what was drawn before depends on where a resumed run was stopped.
    with seeded(config.seed):
        trained = compiled(upper, config, steps)
    trainable = upper.trainable_variables
    unfreeze(model)
    predict = Predictor(model)

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
        predict=lambda: predict(selection.images[..., None]),
        labels=selection.labels,
    )
    checkpoint.restore(trained, phase.name)
    if checkpoint.epochs(phase.name) == phase.epochs:
        return
    source: Batches | FeatureBatches = batches
    if config.transfer and lower:
        folder = checkpoint.folder / FROZEN_FEATURES
        source = FeatureBatches(lower, batches, config.transfer.head_views, folder, reporter)
    fit(trained, source, phase, checkpoint, reporter, callbacks)
