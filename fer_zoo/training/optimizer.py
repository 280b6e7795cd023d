"""The optimizer of a run, and the compiled model that it trains."""

from __future__ import annotations

from typing import Any

import keras

from fer_zoo.training.acceleration import training_model
from fer_zoo.training.config import TrainingConfig
from fer_zoo.training.transfer import learning_rate_factors


def compiled(model: keras.Model, config: TrainingConfig, steps: int) -> keras.Model:
    """A training model of `model`, compiled and ready to fit.

    Args:
        model: A zoo model.
        config: The run's settings.
        steps: Batches an epoch, on which the learning-rate schedule depends.

    Returns:
        A model from images to logits, and landmarks if `model` gives them, that shares no weights with `model`.
    """
    trained = training_model(model, config.with_precision().precision)
    factors = learning_rate_factors(trained, config.transfer) if config.transfer else None
    optimizer = build_optimizer(config, steps, factors)
    compile_model(trained, optimizer, config.label_smoothing, config.landmark_weight)
    return trained


def compile_model(
    model: keras.Model, optimizer: keras.optimizers.Optimizer, label_smoothing: float, landmark_weight: float = 0.0
) -> None:
    """Compile a model that gives logits, and build its optimizer, so that a checkpoint can be put into it.

    A second output of the model is landmarks.
    """
    loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=label_smoothing)
    metrics = [keras.metrics.CategoricalAccuracy(name="accuracy")]
    expressions: dict[str, Any] = {"loss": loss, "metrics": metrics}
    both: dict[str, Any] = {
        "loss": [loss, keras.losses.MeanAbsoluteError()],
        "loss_weights": [1.0, landmark_weight],
        "metrics": [metrics, []],
    }
    model.compile(
        optimizer=optimizer,
        jit_compile=keras.backend.backend() == "jax",
        **(both if len(model.outputs) > 1 else expressions),
    )
    model.optimizer.build(model.trainable_variables)


def build_optimizer(
    config: TrainingConfig, steps: int, factors: list[float] | None = None
) -> keras.optimizers.Optimizer:
    """The optimizer and learning-rate schedule that `config` describes.

    Args:
        config: The run's settings.
        steps: Batches an epoch.
        factors: Factor of the learning rate for each trainable variable; `None` for the same rate everywhere.
    """
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
        kind = with_factors(kind, factors)
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


def with_factors(kind: type[keras.optimizers.Optimizer], factors: list[float]) -> type[keras.optimizers.Optimizer]:
    """An optimizer class that multiplies the learning rate by a factor for each variable, in the order of its `build`.

    Decoupled weight decay keeps the common rate.
    """

    class LayerWise(kind):
        def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
            super().update_step(gradient, variable, learning_rate * factors[self._get_variable_index(variable)])

    return LayerWise
