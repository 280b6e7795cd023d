"""Training on any Keras backend. Importing this package imports no Keras; `train` does."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from fer_zoo.backend import select_backend
from fer_zoo.errors import UsageError
from fer_zoo.training.config import TrainingConfig
from fer_zoo.training.reporter import SILENT, Reporter
from fer_zoo.training.run_folder import is_finished, settings_to_resume

if TYPE_CHECKING:
    from fer_zoo.evaluation import Evaluation

__all__ = ["Reporter", "TrainingConfig", "train"]


def train(
    config: TrainingConfig,
    folder: str | os.PathLike[str],
    *,
    tensorboard: bool = False,
    reporter: Reporter = SILENT,
) -> dict[str, Evaluation]:
    """Train a model, as `python -m fer_zoo.train` does, or resume a stopped run from its checkpoint.

    Nothing is printed, unless `reporter` does; `fer_zoo.training.loop.train` returns the model and the history too.

    Args:
        config: All settings of the run.
        folder: Where the run is written: `model.keras` (of the best epoch), `config.json`, history, plots and the
            report of the evaluation.
        tensorboard: Also write TensorBoard event files.
        reporter: Receives messages and the record of each epoch; the command prints them with
            `fer_zoo.cli.console_reporter.ConsoleReporter()`.

    Returns:
        The evaluation of the trained model on each test split: `test` (all test images), and `public_test` and
        `private_test` where the data has these splits.

    Raises:
        UsageError: The backend is not installed or Keras runs on another one, the data cannot be used or has changed,
            or `folder` has a run with other settings or one that has finished.
        FerZooError: The loss became infinite, the checkpoint in `folder` does not fit, or another run writes there.

    Examples:
        >>> from fer_zoo import TrainingConfig, train
        >>> config = TrainingConfig(model="fernet_nano", data="faces.zip", epochs=1)
        >>> evaluations = train(config, "runs/first")
        >>> 0 < evaluations["test"].accuracy < 1
        True
    """
    if not isinstance(config, TrainingConfig):
        raise UsageError(f"the settings must be a TrainingConfig, not {type(config).__name__}")
    folder = Path(folder)
    resume = (folder / "config.json").exists()
    if resume:
        config = settings_to_resume(folder, config)
    if resume and is_finished(folder):
        raise UsageError(f"the run in {folder} has finished; give another folder")
    select_backend(config.backend)
    from fer_zoo.training import loop

    return loop.train(config, folder, resume=resume, tensorboard=tensorboard, reporter=reporter).evaluations
