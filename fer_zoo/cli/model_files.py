"""Shared by the commands that combine several models into one, `average` and `ensemble`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from fer_zoo.backend import BACKENDS
from fer_zoo.console import out
from fer_zoo.errors import UsageError
from fer_zoo.files import remove_leftovers
from fer_zoo.zoo import run_config

if TYPE_CHECKING:
    from fer_zoo.evaluation import Evaluation


def combining_parser(description: str) -> argparse.ArgumentParser:
    """A parser with the models, `--output`, `--data` and `--backend`."""
    parser = argparse.ArgumentParser(description=description)
    add = parser.add_argument
    add("models", nargs="+", type=Path, metavar="MODEL.keras")
    add("--output", type=Path, required=True, metavar="FOLDER")
    add("--data", metavar="PATH", help="folder, zip or CSV of FER2013; else the bundled sample")
    add("--backend", choices=BACKENDS)
    return parser


def refuse_nonempty(folder: Path, members_key: str) -> None:
    """Refuse to write to a folder that is not empty, unless the same command was killed while it wrote there.

    Args:
        folder: Output folder of the command.
        members_key: The key of its `config.json` that lists the combined models, `averaged` or `members`.

    Raises:
        UsageError: The folder contains anything else.
    """
    remove_leftovers(folder)
    config = run_config(folder)
    if members_key in config and config.get("finished") is False:
        return
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        problem = "already holds a model" if (folder / "model.keras").exists() else "is not an empty folder"
        raise UsageError(f"{folder} {problem}; choose another --output")


def print_accuracies(evaluations: dict[str, Evaluation], folder: Path) -> None:
    """Print the accuracy on each split and the folder of the model."""
    for split, evaluation in evaluations.items():
        out.print(f"{split:13} {evaluation.accuracy_text}")
    out.print(f"model and report are in {folder}")
