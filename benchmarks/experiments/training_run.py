"""Reads the settings, history and evaluation of a training run from its folder."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fer_zoo.data.augment import AUGMENTATIONS, Augmentation
from fer_zoo.errors import FerZooError
from fer_zoo.evaluation import original
from fer_zoo.training.config import recorded_settings
from fer_zoo.zoo import run_config

from ..table import value_of
from .rows import ExperimentRow

# The files in a run's folder that the comparison uses.
FILES = ("config.json", "history.json", "evaluation.json")

# Settings that have columns of their own, or do not affect the model.
_UNLISTED = {"backend", "data", "epochs", "cache"}


@dataclass(frozen=True)
class Run:
    """A finished training run: its settings, its history by epoch and its evaluation by split.

    `beside_original` is whether its report compares it with the original project's figures.
    """

    name: str
    config: dict[str, Any]
    history: list[dict[str, Any]]
    splits: dict[str, dict[str, Any]]
    beside_original: bool

    @classmethod
    def load(cls, folder: Path) -> Run:
        """Read a run's folder.

        Raises:
            FerZooError: A file is missing or is not what `fer_zoo.train` writes.
        """
        try:
            history, evaluation = (json.loads((folder / name).read_text("utf-8")) for name in FILES[1:])
            splits = evaluation["splits"]
            if not {"public_test", "private_test"} <= set(splits):
                raise FerZooError(f"{folder} was measured on images that are not of PublicTest and PrivateTest")
            beside = "original" in evaluation and original.comparable(splits["test"]["per_class"])
            run = cls(folder.name, run_config(folder), history, splits, beside)
            # All that the table and the plots are made of.
            value_of(ExperimentRow, json.loads(json.dumps(asdict(run.row()))))
            for entry in history:
                _ = [float(entry[name]) for name in ("epoch", "accuracy", "selection_accuracy")]
            return run
        except FileNotFoundError as error:
            raise FerZooError(
                f"{folder} is not a finished training run: it has no {Path(error.filename).name}"
            ) from error
        except (ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError, RecursionError) as error:
            raise FerZooError(f"{folder} holds a damaged training run ({error!r:.200})") from error

    @property
    def best(self) -> dict[str, Any]:
        """The history entry of the published epoch."""
        return max(self.history, key=lambda entry: entry["selection_accuracy"])

    @property
    def expressions(self) -> tuple[str, ...]:
        """The classes of the run's model."""
        return tuple(self.splits["test"]["per_class"])

    @property
    def settings(self) -> dict[str, str]:
        """Every setting of both phases as text; what the config of an older run lacks is the default."""
        training = recorded_settings(self.config["training"])
        transfer = training.pop("transfer", None) or {}
        options = dict(option.split("=", 1) for option in training.pop("model_options", ()))
        if augmentation := training.pop("augmentation"):
            known = {Augmentation(**augmentation): "other"} | {value: name for name, value in AUGMENTATIONS.items()}
            augmentation = known[Augmentation(**augmentation)]
        values = training | transfer | options | {"augmentation": augmentation}
        return {name: _text(value) for name, value in values.items() if name not in _UNLISTED}

    @property
    def is_transfer(self) -> bool:
        """Whether it had the two phases of transfer learning."""
        return bool(self.config["training"].get("transfer"))

    def row(self) -> ExperimentRow:
        """Its row in the table."""
        training, test = self.config["training"], self.splits["test"]
        low, high = test["accuracy_interval"]
        return ExperimentRow(
            run=self.name,
            backend=training["backend"],
            settings=self.settings,
            epochs=len(self.history),
            minutes=round(sum(entry["seconds"] for entry in self.history) / 60, 1),
            best_epoch=self.best["epoch"],
            train_accuracy=self.best["accuracy"],
            public_test=self.splits["public_test"]["accuracy"],
            private_test=self.splits["private_test"]["accuracy"],
            test=test["accuracy"],
            test_interval=(low, high),
            macro_f1=test["macro_f1"],
            ece=test["ece"],
            f1={name: test["per_class"][name]["f1"] for name in self.expressions},
        )


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list | tuple):
        return " + ".join(_text(item) for item in value) or "none"
    if isinstance(value, str):
        return Path(value).name
    return "none" if value is None else f"{value:g}"
