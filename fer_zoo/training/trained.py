"""Trained models, read with one sentence for a file that is none."""

from __future__ import annotations

from pathlib import Path

import keras

from fer_zoo.errors import FerZooError, UsageError


def load_trained(path: Path) -> keras.Model:
    """The Keras model in a file, without its optimizer.

    Raises:
        UsageError: There is no such file.
        FerZooError: The file cannot be loaded.
    """
    if not path.is_file():
        raise UsageError(f"there is no file {path}")
    try:
        return keras.models.load_model(path, compile=False)
    except Exception as error:  # Keras raises many kinds for a damaged file.
        raise FerZooError(f"{path} is not a Keras model that can be loaded") from error
