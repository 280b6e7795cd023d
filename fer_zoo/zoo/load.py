"""Loads trained Keras models, by name or from a file."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from fer_zoo.backend import select_backend
from fer_zoo.errors import FerZooError, UsageError
from fer_zoo.zoo.find import checked_file, find_file, member_path
from fer_zoo.zoo.keras_file import oldest_keras, version_numbers
from fer_zoo.zoo.reference import Reference

if TYPE_CHECKING:
    import keras


def load_model(model: str | os.PathLike[str], *, backend: str | None = None) -> keras.Model:
    """Load a trained Keras model with its weights, to continue its training or to inspect its layers.

    To classify faces, `load_classifier` is lighter and faster.

    Args:
        model: One of `list_models(pretrained=True)`, or the path of a `.keras` file.
        backend: `tensorflow`, `jax` or `torch`; `None` is the one that Keras already runs on, else the one that
            `select_backend` chooses.

    Returns:
        The Keras model, not compiled. The zoo's models map `image`, float32 `[batch, 48, 48, 1]`, gray, 0..255, to
        `probabilities`, float32 `[batch, classes]`; their last two layers are `logits` and `probabilities`.

    Raises:
        UsageError: There is no such model, it does not ship as a Keras file, or no such backend is installed.
        FerZooError: The file is damaged, or this Keras is too old for it.

    Examples:
        >>> from fer_zoo import load_model
        >>> model = load_model("fernet_nano")
        >>> model.input_shape, model.output_shape, model.count_params()
        ((None, 48, 48, 1), (None, 7), 59895)
    """
    path = keras_path(model)
    select_backend(backend)
    return read_keras(path)


def keras_path(model: str | os.PathLike[str]) -> Path:
    """The `.keras` file of a model of the zoo; a path is returned as it is.

    Raises:
        UsageError: There is no model of that name, it does not ship as a Keras file, or a member of an ensemble is
            missing.
        FerZooError: The zoo's manifest lists the file, but its content is different.
    """
    if not isinstance(model, str | os.PathLike):
        raise UsageError(f"a model must be a name or the path of a .keras file, not {type(model).__name__}")
    path = member_path(Path(model))
    if path.suffix == ".keras" or path.exists() or os.sep in str(path):
        if path.parent.name == "members" and not path.is_file():
            raise UsageError(
                f"{path} ships in no release: take it from git, `git log --diff-filter=D -- {path.parent}`"
            )
        return checked_file(path) if path.is_file() else path
    reference = Reference.parse(str(model))
    if reference.format not in (None, "keras"):
        raise UsageError(f"{reference} is no Keras model; load_classifier runs ONNX and TFLite files")
    return find_file(f"{reference.model}:keras")


def read_keras(path: Path) -> keras.Model:
    """Read the Keras model in a file, not compiled, with the backend that Keras runs on.

    Raises:
        UsageError: There is no such file.
        FerZooError: The file cannot be loaded; the message says so if it needs a newer Keras.
    """
    import keras

    if not path.is_file():
        raise UsageError(f"there is no file {path}")
    try:
        return keras.models.load_model(path, compile=False)
    except MemoryError:
        raise
    except Exception as error:  # Keras raises many types of exceptions for a damaged file.
        needed = _needed_keras(path)
        if needed and version_numbers(needed) > version_numbers(keras.__version__):
            raise FerZooError(
                f"{path} needs Keras {needed}, this is {keras.__version__}; run `pip install 'keras>={needed}'`"
            ) from error
        reason = (str(error).strip() or type(error).__name__).splitlines()[0].split(". ")[0][:300]
        raise FerZooError(f"{path} is not a Keras model that can be loaded: {reason}") from error


def _needed_keras(path: Path) -> str | None:
    """The oldest version of Keras that reads the file, or `None` if its settings cannot be read."""
    try:
        return oldest_keras(path)
    except (OSError, zipfile.BadZipFile, KeyError, ValueError):
        return None
