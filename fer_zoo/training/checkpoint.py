"""The state of a run after an epoch, in one file, so that a killed run goes on as if it never stopped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import keras
import numpy as np

from fer_zoo.errors import FerZooError
from fer_zoo.files import atomic_path


def save_checkpoint(path: Path, model: keras.Model, history: list[dict[str, Any]]) -> None:
    """Write all variables of `model` and its optimizer (weights, moments, random states) and the history so far."""
    arrays = {f"variable{index}": keras.ops.convert_to_numpy(value) for index, value in enumerate(_state(model))}
    with atomic_path(path) as temporary:
        np.savez(temporary, history=json.dumps(history), **arrays)


def load_checkpoint(path: Path, model: keras.Model) -> list[dict[str, Any]]:
    """Put a checkpoint's variables into `model` and its optimizer, which must be built.

    Returns:
        The history, one entry a finished epoch; empty where there is no checkpoint yet.

    Raises:
        FerZooError: The file is damaged or belongs to another model or optimizer.
    """
    if not path.exists():
        return []
    variables = _state(model)
    try:
        with np.load(path, allow_pickle=False) as file:
            history = json.loads(str(file["history"]))
            arrays = [file[f"variable{index}"] for index in range(len(file.files) - 1)]
    except (ValueError, KeyError, OSError, EOFError, BadZipFile) as error:
        raise FerZooError(f"{path} is damaged ({error}); delete it to start the run anew") from error
    if [array.shape for array in arrays] != [tuple(variable.shape) for variable in variables]:
        raise FerZooError(f"{path} belongs to another model or optimizer; delete it to start the run anew")
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)
    return history


def _state(model: keras.Model) -> list[keras.Variable]:
    return [*model.variables, *model.optimizer.variables]
