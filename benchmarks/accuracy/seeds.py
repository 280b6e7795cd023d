"""Mean and spread of one recipe over the seeds that it was trained with."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from fer_zoo.errors import FerZooError, UsageError
from fer_zoo.training.config import recorded_settings
from fer_zoo.zoo import run_config

from ..cells import percent
from ..table import Columns, markdown_table
from .rows import SeedsRow

SPLITS = {"test": "all test images", "public_test": "PublicTest", "private_test": "PrivateTest"}

_COLUMNS: Columns[SeedsRow] = [
    ("model", lambda row: row.model),
    ("images", lambda row: SPLITS[row.split]),
    ("mean", lambda row: percent(row.mean)),
    ("s.d., points", lambda row: f"{100 * row.deviation:.2f}"),
    (
        "each (seed)",
        lambda row: ", ".join(f"{percent(a)} ({seed})" for a, seed in zip(row.accuracies, row.seeds, strict=True)),
    ),
]


def measure_seeds(model: str, runs: Sequence[Path]) -> list[SeedsRow]:
    """The accuracies of training runs on each split.

    Args:
        model: Name of the recipe.
        runs: Folders of two or more trainings that differ only in their seed.

    Raises:
        UsageError: There are fewer than two, one is not finished, two have the same seed, or their settings differ.
        FerZooError: A file in the folder of a run is damaged.
    """
    if len(runs) < 2:
        raise UsageError("a spread needs the folders of two or more runs")
    seeds, settings, splits = [], [], []
    for run in runs:
        config, evaluation = run_config(run), run / "evaluation.json"
        recorded = config.get("training", {})
        if "seed" not in recorded or not evaluation.exists():
            raise UsageError(f"{run} is not the folder of a finished run: it has no config.json or no evaluation.json")
        training = recorded_settings(recorded)
        seeds.append(training.pop("seed"))
        if isinstance(images := config.get("data"), dict):
            training["data"] = images["images"]  # Their number counts, not their path.
        settings.append(training)
        splits.append(_accuracies(evaluation))
    if len(set(seeds)) < len(seeds):
        raise UsageError(f"the runs must differ in their seeds, which are {', '.join(map(str, seeds))}")
    for run, other in zip(runs[1:], settings[1:], strict=True):
        if different := sorted(name for name in settings[0] | other if settings[0].get(name) != other.get(name)):
            raise UsageError(f"{run} differs from {runs[0]} in more than the seed: {', '.join(different)}")
    return [
        SeedsRow(model, split, tuple(seeds), tuple(by_split[split] for by_split in splits))
        for split in SPLITS
        if all(split in by_split for by_split in splits)
    ]


def _accuracies(evaluation: Path) -> dict[str, float]:
    """The accuracy on each split."""
    try:
        splits = json.loads(evaluation.read_text("utf-8"))["splits"]
        return {split: float(measures["accuracy"]) for split, measures in splits.items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise FerZooError(f"{evaluation} is not an evaluation ({error!r:.100}); evaluate the run again") from error


def to_markdown(rows: Sequence[SeedsRow]) -> str:
    """The page: mean, standard deviation and each training."""
    sections = [
        "# Spread over seeds",
        "Trainings of one recipe that differ in their seed alone, which draws weights, order and augmentation. "
        "Standard deviation with n - 1.",
        "![each training, and the mean](seeds.png)",
        markdown_table(_COLUMNS, rows),
    ]
    return "\n\n".join(sections) + "\n"
