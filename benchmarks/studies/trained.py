"""Trainings of studies, which take long and are reused by later calls."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from fer_zoo.training import TrainingConfig, train
from fer_zoo.training.reporter import SILENT, Reporter
from fer_zoo.training.run_folder import is_finished, settings_to_resume


def trained(
    config: TrainingConfig, folder: Path, reporter: Reporter = SILENT, train: Callable[..., Any] = train
) -> Path:
    """The model of a run: trained if `folder` has none, trained on if the run there was stopped.

    Args:
        config: The run's settings.
        folder: The run's folder.
        reporter: Receives messages and the record of each epoch.
        train: A function with the arguments of `fer_zoo.training.train`, which resumes a stopped run as that does.

    Raises:
        UsageError: The run in `folder` has other settings.
    """
    model = folder / "model.keras"
    if (folder / "config.json").exists():
        config = settings_to_resume(folder, config)
        if is_finished(folder):
            return model
    train(config, folder, reporter=reporter)
    return model
