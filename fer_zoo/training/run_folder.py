"""What a run's folder holds, and how far the run has come."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from fer_zoo.errors import UsageError
from fer_zoo.files import write_json

# Needed until the run has finished: the state after an epoch, and the best model so far.
CHECKPOINT, BEST = "checkpoint.npz", "best.keras"
HEAD_CHECKPOINT, HEAD_BEST = "head_checkpoint.npz", "head_best.npz"
_WORKING_FILES = (CHECKPOINT, BEST, HEAD_CHECKPOINT, HEAD_BEST)
_FEATURES = ("features", "frozen_features")


def is_finished(folder: Path) -> bool:
    """Whether the run in `folder`, which has a `config.json`, was trained and evaluated to its end."""
    if not (folder / "model.keras").exists():
        return False
    config = json.loads((folder / "config.json").read_text())
    checkpoints = (folder / name for name in (CHECKPOINT, HEAD_CHECKPOINT))
    # Runs of earlier versions say nothing; they kept their checkpoints as long.
    return config.get("finished", not any(path.exists() for path in checkpoints))


def mark_finished(folder: Path) -> None:
    """Say in `config.json` that the run has finished, and delete what only an unfinished one needs."""
    config = json.loads((folder / "config.json").read_text())
    write_json(folder / "config.json", config | {"finished": True})
    delete_state(folder)


def delete_state(folder: Path) -> None:
    """Delete what an unfinished run goes on from, if there is any."""
    for name in _WORKING_FILES:
        (folder / name).unlink(missing_ok=True)
    for name in _FEATURES:
        shutil.rmtree(folder / name, ignore_errors=True)


def refuse_occupied(folder: Path) -> None:
    """Have nobody start a run in a folder that holds a finished one, or one that can go on.

    Raises:
        UsageError: It does; names the commands for both.
    """
    if not (folder / "config.json").exists():
        return
    if is_finished(folder):
        raise UsageError(f"{folder} already holds a run; choose another --output, or replace it with --overwrite")
    if any((folder / name).exists() for name in _WORKING_FILES):
        raise UsageError(
            f"{folder} already holds a run that has not finished; go on with "
            f"`python -m fer_zoo.train --resume {folder}`, or replace it with --overwrite"
        )
