"""Processes that train together as `fer-zoo train --processes` starts them, with a small network and no plots."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import Any
from unittest.mock import patch

from workers import undrawn_plot

from fer_zoo.cli import train_processes


def process(*arguments: Any) -> None:
    """In place of `train_processes._process`, in the process that was started for it."""
    os.environ["KERAS_BACKEND"] = "jax"
    from keras.src.utils import module_utils

    module_utils.tensorflow._available = False  # Keras would import it, only to compare types with its own.
    with ExitStack() as stack:
        stack.enter_context(patch("matplotlib.figure.Figure.savefig", undrawn_plot))
        stack.enter_context(small_network())
        train_processes._process(*arguments)


def small_network() -> Any:
    """A context in which each run trains a network of two convolutions, a normalization each, and dropout."""
    from sharded_training import network

    return patch("fer_zoo.training.loop.build_model", lambda *arguments, **options: network())


def train_alone(arguments: list[str]) -> int | None:
    """The same run in this process."""
    from fer_zoo.cli.train import main

    with small_network():
        return main(arguments)
