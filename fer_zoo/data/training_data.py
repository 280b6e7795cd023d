"""Which data a model was trained on: FER2013, its bundled sample, or your own images; recognized by the images."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fer_zoo.contract import EXPRESSIONS, FER2013_COUNTS
from fer_zoo.data.copies import known_copies, pixel_hashes, train_copies
from fer_zoo.data.dataset import Dataset
from fer_zoo.zoo.artifact import OWN_IMAGES, task_of

FER2013, SAMPLE, OWN = "FER2013", "FER2013's bundled sample", OWN_IMAGES

# SHA-256 of the sorted hashes of the sample's 2,871 training images, first 16 digits.
_SAMPLE_DIGEST = "7d22f6da164469ac"
# Copies of FER2013 differ in a few images: some were restored from other sources.
_KNOWN_SHARE = 0.9

SPLIT_NAMES = {
    "train": "train",
    "public_test": "PublicTest",
    "private_test": "PrivateTest",
    "test": "test",
    "held_out": "a tenth held out of train",
}


@dataclass(frozen=True)
class TrainingData:
    """The data that a model was trained on: the entry `data` of a run's `config.json`.

    Model cards, reports, export and messages use this record.

    Attributes:
        kind: `FER2013`, `FER2013's bundled sample` or `own images`.
        source: The path that was passed as `--data`.
        fingerprint: The data set's `Dataset.fingerprint`.
        images: Number of all labelled images, whatever their split.
        splits: Number of images by split: `train` without held-out images, `held_out` if a tenth of train was held out,
            and the test splits.
        chosen_on: The split that the best epoch was chosen on, a key of `SPLIT_NAMES`.
        labels: The classes, in the order of the model's outputs.
        class_counts: Number of training images of each class, without held-out ones; empty in records of earlier
            versions.
    """

    kind: str
    source: str
    fingerprint: str
    images: int
    splits: dict[str, int]
    chosen_on: str
    labels: tuple[str, ...]
    class_counts: tuple[int, ...] = ()

    @classmethod
    def of(cls, kind: str, dataset: Dataset, training: Dataset, selection: Dataset) -> TrainingData:
        """Describe a run.

        Args:
            kind: Kind of the whole data set, as `kind_of` returns it, before images or labels were changed.
            dataset: All labelled images.
            training: The images to train on.
            selection: The images that the best epoch is chosen on.
        """
        chosen_on = str(selection.splits[0])
        splits = {"train": len(training)}
        if chosen_on == "train":
            chosen_on = "held_out"
            splits[chosen_on] = len(selection)
        names, counts = np.unique(dataset.splits[dataset.splits != "train"], return_counts=True)
        splits |= dict(zip(names.tolist(), counts.tolist(), strict=True))
        labels = tuple(dataset.expressions)
        class_counts = tuple(np.bincount(training.labels, minlength=len(labels)).tolist())
        return cls(kind, dataset.source, dataset.fingerprint, len(dataset), splits, chosen_on, labels, class_counts)

    @classmethod
    def of_config(cls, config: dict[str, Any]) -> TrainingData | None:
        """Read the record in a `config.json`; `None` if it has none, as in runs of earlier versions."""
        data = config.get("data") or {}
        if "kind" not in data:
            return None
        return cls(**data | {"labels": tuple(data["labels"]), "class_counts": tuple(data.get("class_counts", ()))})

    def to_json(self) -> dict[str, Any]:
        """The record as `of_config` reads it."""
        return asdict(self)

    @property
    def task(self) -> str:
        """The labels trained on: `FER2013`, `FER+` or `own images`. Accuracies of two tasks cannot be compared."""
        return OWN if self.kind == OWN else task_of(self.labels)

    @property
    def name(self) -> str:
        """Name of the data for people to read, such as `FER2013` or `own images (faces.zip)`."""
        return f"{self.kind} ({Path(self.source).name})" if self.kind == OWN else self.kind

    @property
    def text(self) -> str:
        """One phrase with the number of images and the split that the epoch was chosen on."""
        chosen = _number(self.splits[self.chosen_on], "image")
        return (
            f"{self.name}, {_number(self.splits['train'], 'training image')}; "
            f"the epoch chosen on {SPLIT_NAMES[self.chosen_on]} ({chosen})"
        )


def kind_of(dataset: Dataset) -> str:
    """The kind of a data set, by its images and labels: `FER2013`, `FER2013's bundled sample` or `own images`."""
    if dataset.expressions != EXPRESSIONS:
        return OWN
    train = dataset.take(np.flatnonzero(dataset.splits == "train"))
    test = dataset.take(np.flatnonzero(dataset.splits != "train"))
    hashes = pixel_hashes(train.images)
    known = float(np.isin(list(known_copies()[1]), hashes).mean())
    if _counts(train) == FER2013_COUNTS["train"] and (is_fer2013_test(test) or known >= _KNOWN_SHARE):
        return FER2013
    digest = hashlib.sha256("\n".join(sorted(hashes.tolist())).encode()).hexdigest()
    return SAMPLE if digest.startswith(_SAMPLE_DIGEST) else OWN


def is_fer2013_test(test: Dataset) -> bool:
    """Whether these are FER2013's 7,178 test images with FER2013's labels, on which published figures are measured."""
    if test.expressions != EXPRESSIONS:
        return False
    copies = int(train_copies(test).sum())
    return _counts(test) == FER2013_COUNTS["test"] and copies >= _KNOWN_SHARE * len(known_copies()[0])


def copies_of_train(dataset: Dataset, test: Dataset, trained_on: TrainingData | None) -> np.ndarray | None:
    """Which test images are exact copies of images that a model was trained on.

    Args:
        dataset: The whole data set that `test` is a part of.
        test: `n` test images.
        trained_on: The model's training data; `None`, not recorded, is treated as FER2013.

    Returns:
        bool `[n]`; `None` if the model was trained on another data set than `dataset`.
    """
    if trained_on is None or trained_on.kind == FER2013:
        return train_copies(test)
    if trained_on.fingerprint != dataset.fingerprint:
        return None
    return np.isin(pixel_hashes(test.images), pixel_hashes(dataset.subset("train").images))


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _counts(dataset: Dataset) -> tuple[int, ...]:
    return tuple(np.bincount(dataset.labels, minlength=len(EXPRESSIONS)).tolist())
