"""Everything that a run writes after each epoch, and reads again when it is resumed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import keras
import numpy as np

from fer_zoo.errors import FerZooError
from fer_zoo.files import atomic_path
from fer_zoo.models.guidance import without_landmarks
from fer_zoo.training.history import EpochRecord, best_epoch, write_history
from fer_zoo.training.run_folder import BEST, CHECKPOINT
from fer_zoo.zoo.keras_file import save_keras


class Checkpoint:
    """The state of a run after its last finished epoch, in memory and in its folder.

    `checkpoint.npz` has all of it: the training model's variables (weights, moments, random states), the history and
    the best weights, so that a resumed run gives the same result as an uninterrupted one. The other files are for
    people and never read: `best.keras`, the model of the best epoch so far, `history.json`, `history.csv` and
    `curves.png`.

    Args:
        folder: The run's folder.
        model: The published model, whose weights are those of the last finished epoch.
        resume: Read the state in the folder, if there is any: `model` gets the weights of the last finished epoch.

    Attributes:
        history: The finished epochs, of both phases of transfer learning.
        best_weights: The weights of `model` in the best epoch; empty before the first one.

    Raises:
        FerZooError: A file is damaged or belongs to another model.
    """

    def __init__(self, folder: Path, model: keras.Model, resume: bool = False) -> None:
        self.folder = folder
        self.model = model
        self.history: list[EpochRecord] = []
        self.best_weights: list[np.ndarray] = []
        if resume and self._path.exists():
            state = self._read()
            try:
                self.history = [EpochRecord.of_row(row) for row in json.loads(str(state["history"]))]
            except (ValueError, KeyError, TypeError) as error:
                raise FerZooError(f"{self._path} is damaged ({error}); delete it to start the run anew") from error
            _assign(self._path, model.weights, state, "model")
            self.best_weights = [array for name, array in state.items() if name.startswith("best")]

    def epochs(self, phase: str | None) -> int:
        """Number of finished epochs of a phase."""
        return sum(record.phase == phase for record in self.history)

    def restore(self, trained: keras.Model, phase: str | None) -> None:
        """Put the state of the last finished epoch into a training model and its optimizer, which must be built.

        Nothing is done where the last finished epoch is of another phase, or there is none.

        Raises:
            FerZooError: The state belongs to another model or optimizer.
        """
        if self.history and self.history[-1].phase == phase:
            _assign(self._path, _variables(trained), self._read(), "variable")

    def save(self, trained: keras.Model, **measures: Any) -> EpochRecord:
        """Write an epoch that has finished.

        Args:
            trained: The training model; `model` has its weights already.
            **measures: Fields of the epoch's `EpochRecord`, without its number.
        """
        record = EpochRecord(epoch=len(self.history) + 1, **measures)
        if not self.history or record.selection_accuracy > best_epoch(self.history).selection_accuracy:
            # Copies: on JAX the arrays may be the variables' own memory, which the next step gives away.
            self.best_weights = [np.array(weight) for weight in self.model.get_weights()]
            with atomic_path(self.folder / BEST) as temporary:
                save_keras(without_landmarks(self.model), temporary)
        self.history.append(record)
        write_history(self.folder, self.history)
        self._write(trained)
        return record

    @property
    def _path(self) -> Path:
        return self.folder / CHECKPOINT

    def _write(self, trained: keras.Model) -> None:
        arrays = {f"variable{i}": keras.ops.convert_to_numpy(v) for i, v in enumerate(_variables(trained))}
        arrays |= {f"model{i}": weight for i, weight in enumerate(self.model.get_weights())}
        arrays |= {f"best{i}": weight for i, weight in enumerate(self.best_weights)}
        with atomic_path(self._path) as temporary:
            np.savez(temporary, history=json.dumps([record.row() for record in self.history]), **arrays)

    def _read(self) -> dict[str, np.ndarray]:
        try:
            with np.load(self._path, allow_pickle=False) as file:
                return dict(file)
        except (ValueError, KeyError, OSError, EOFError, BadZipFile) as error:
            raise FerZooError(f"{self._path} is damaged ({error}); delete it to start the run anew") from error


def _assign(path: Path, variables: list[keras.Variable], state: dict[str, np.ndarray], prefix: str) -> None:
    arrays = [array for name, array in state.items() if name.startswith(prefix)]
    if [array.shape for array in arrays] != [tuple(variable.shape) for variable in variables]:
        raise FerZooError(f"{path} belongs to another model or optimizer; delete it to start the run anew")
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)


def _variables(model: keras.Model) -> list[keras.Variable]:
    return [*model.variables, *model.optimizer.variables]
