"""Trainings of studies, which take long and are reused by later calls."""

from __future__ import annotations

from pathlib import Path

from fer_zoo.training import TrainingConfig, train
from fer_zoo.training.reporter import SILENT, Reporter
from fer_zoo.training.run_folder import is_finished, refuse_other_settings


def trained(config: TrainingConfig, folder: Path, reporter: Reporter = SILENT) -> Path:
    """The model of a run: trained if `folder` has none, trained on if the run there was stopped.

    Raises:
        UsageError: The run in `folder` has other settings.
    """
    if (folder / "config.json").exists() and is_finished(folder):
        refuse_other_settings(folder, config)
    else:
        train(config, folder, reporter=reporter)
    return folder / "model.keras"
