"""A run's folder: its `config.json`, and whether the run is unfinished, finished or can be resumed."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from fer_zoo.errors import UsageError
from fer_zoo.files import write_json
from fer_zoo.packages import installed_version
from fer_zoo.training.config import TrainingConfig
from fer_zoo.zoo import is_fine_tuned, run_config

if TYPE_CHECKING:
    import keras

    from fer_zoo.training.splits import Splits

# What an unfinished run is resumed from; deleted when it has finished.
CHECKPOINT, BEST = "checkpoint.npz", "best.keras"
HEAD_FEATURES, FROZEN_FEATURES = "features", "frozen_features"
# Runs of the first release had a checkpoint of their own for the head.
_CHECKPOINTS = (CHECKPOINT, "head_checkpoint.npz")
_WORKING_FILES = (*_CHECKPOINTS, BEST, "head_best.npz")
_RESULTS = ("model.keras", "evaluation.json", "evaluation.md", "history.json", "history.csv", "curves.png")


def write_config(folder: Path, config: TrainingConfig, model: keras.Model, splits: Splits, command: str) -> None:
    """Write `config.json`, the record of a run that begins.

    Args:
        folder: The run's folder.
        config: Its settings.
        model: The network.
        splits: The images that it is trained on.
        command: The command line or call that started it, as a user would repeat it.
    """
    training = asdict(config)
    packages = ("fer-zoo", "keras", "numpy", config.backend)
    description = {
        "model": model.name,
        "backend": config.backend,
        "command": command,
        "training": training,
        "finished": False,
        "fine_tuned": is_fine_tuned({"training": training}),
        "weights": model.count_params(),
        "data": splits.record.to_json(),
        "splits_sha256": splits.sha256(),
        # Relative to the folder, so that both can be moved together.
        "started_in": os.path.relpath(Path.cwd(), folder.resolve()),
        "versions": {"python": platform.python_version(), **{name: installed_version(name) for name in packages}},
        "commit": _commit(),
    }
    write_json(folder / "config.json", description)


def read_config(folder: Path) -> TrainingConfig:
    """The settings of the run in `folder`; relative paths are resolved from where the run was started.

    Raises:
        FerZooError: `folder` holds no run.
    """
    config = TrainingConfig.load(folder / "config.json")
    started_in = (folder.resolve() / run_config(folder).get("started_in", Path.cwd())).resolve()
    return config if started_in == Path.cwd().resolve() else config.with_paths_in(started_in)


def settings_to_resume(folder: Path, config: TrainingConfig) -> TrainingConfig:
    """`config` for the run in `folder`, which must have these settings, wherever it was started.

    Returns:
        `config`, in which the precision `auto` is replaced by the one that the run began with.

    Raises:
        UsageError: The run in `folder` has other settings.
        FerZooError: `folder` holds no run.
    """
    here, run = Path.cwd(), read_config(folder)
    if config.precision == "auto":
        config = replace(config, precision=run.precision)
    if run.with_paths_in(here) != config.with_paths_in(here):
        raise UsageError(f"{folder} has a run with other settings; give another folder")
    return config


def refuse_changed_images(folder: Path, splits: Splits) -> None:
    """Refuse to resume a run on other images or labels than those it began with.

    Raises:
        UsageError: They are not those of the run in `folder`.
    """
    config = run_config(folder)
    before, now = config.get("splits_sha256"), splits.sha256()
    if before and before != now:
        raise UsageError(
            f"the images or labels of {splits.record.source} have changed since the run in {folder} began "
            f"({config['data']['images']:,} images then, {splits.record.images:,} now); restore them, or begin anew"
        )


def is_finished(folder: Path) -> bool:
    """Whether the run in `folder`, which has a `config.json`, was trained and evaluated to its end."""
    if not (folder / "model.keras").exists():
        return False
    # The first release wrote no mark; it deleted the checkpoints of a run that had finished.
    return run_config(folder).get("finished", not any((folder / name).exists() for name in _CHECKPOINTS))


def mark_finished(folder: Path) -> None:
    """Record in `config.json` that the run has finished, and delete what only an unfinished one needs."""
    write_json(folder / "config.json", run_config(folder) | {"finished": True})
    delete_state(folder)


def delete_run(folder: Path) -> None:
    """Delete the model, the results and the state of the run in `folder`, if there is one, so that another begins."""
    delete_state(folder)
    for name in _RESULTS:
        (folder / name).unlink(missing_ok=True)


def delete_state(folder: Path) -> None:
    """Delete what an unfinished run would be resumed from, if there is any."""
    for name in _WORKING_FILES:
        (folder / name).unlink(missing_ok=True)
    delete_features(folder)


def delete_features(folder: Path) -> None:
    """Delete the features of frozen layers that an unfinished run keeps, if there are any."""
    for name in (HEAD_FEATURES, FROZEN_FEATURES):
        shutil.rmtree(folder / name, ignore_errors=True)


def refuse_occupied(folder: Path) -> None:
    """Refuse to start a run in a folder with a finished run, or with one that can be resumed.

    Raises:
        UsageError: There is such a run; the message names the option to replace it or the command to resume it.
    """
    if not (folder / "config.json").exists():
        return
    if is_finished(folder):
        delete_state(folder)  # Of a run that was killed after its last step.
        raise UsageError(f"{folder} already holds a run; choose another --output, or replace it with --overwrite")
    if any((folder / name).exists() for name in _WORKING_FILES):
        raise UsageError(
            f"{folder} already holds a run that has not finished; resume it with "
            f"`python -m fer_zoo.train --resume {folder}`, or replace it with --overwrite"
        )


def _commit() -> str | None:
    """The commit of the checkout that this code is of, if it is one."""
    result = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=Path(__file__).parent, capture_output=True, text=True, check=False
    )
    return result.stdout.strip() or None
