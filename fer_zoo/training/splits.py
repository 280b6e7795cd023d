"""The images of a run: training images, selection images (which choose the epoch) and test images."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.model_selection import train_test_split

from fer_zoo.contract import EXPRESSIONS
from fer_zoo.data import Dataset, TrainingData, load_dataset, majority_labels
from fer_zoo.data.copies import pixel_hashes
from fer_zoo.data.ferplus import FERPLUS_CLASSES, join_ferplus
from fer_zoo.data.training_data import kind_of
from fer_zoo.errors import UsageError
from fer_zoo.training.config import TrainingConfig
from fer_zoo.training.reporter import Reporter


@dataclass(frozen=True)
class Splits:
    """The images of a run.

    Attributes:
        dataset: All of them, with the labels that the model predicts.
        training: Those that it is trained on.
        selection: Those on which the epoch is chosen: PublicTest, else a tenth held out of the training images.
        test: All test images, PublicTest among them; `None` where there are none.
        record: Their description in `config.json`.
        votes: FER+'s file of votes, if the run has one.
    """

    dataset: Dataset
    training: Dataset
    selection: Dataset
    test: Dataset | None
    record: TrainingData
    votes: str | None = None

    def sha256(self) -> str:
        """Hash of the images, labels and votes that training depends on, in hexadecimal."""
        key = hashlib.sha256(Path(self.votes).read_bytes() if self.votes else b"")
        for images in (self.training, self.selection):
            key.update(np.ascontiguousarray(images.images).data)
            key.update(np.ascontiguousarray(images.labels).data)
        return key.hexdigest()


def load_splits(config: TrainingConfig, reporter: Reporter) -> Splits:
    """Read the images of a run.

    Args:
        config: The run's settings.
        reporter: Receives the notes on the data.

    Raises:
        UsageError: The data cannot be used, or is too little.
    """
    dataset = load_dataset(config.data, classes=config.classes or None, crop=config.crop)
    for note in dataset.notes:
        reporter.message(note)
    kind = kind_of(dataset)
    if dataset.expressions != EXPRESSIONS:
        _check_own_classes(config, dataset)
    if config.ferplus_labels:
        if config.data and not config.ferplus:
            raise UsageError("FER+'s eight expressions need its votes for these images; pass them with --ferplus")
        dataset = majority_labels(dataset, config.ferplus, config.include_no_majority)
    training = dataset.subset("train")
    test = dataset.subset("test") if dataset.has("test") else None
    if dataset.has("public_test"):
        selection = dataset.subset("public_test")
    else:
        count = len(training)
        training, selection = _hold_out(training, config.seed)
        reporter.message(
            f"no PublicTest images: the best epoch is chosen on a tenth held out of the {count:,} training images, "
            f"{len(selection):,} of them"
        )
    if config.clean:
        training = cleaned(training, test, config.ferplus)
    record = TrainingData.of(kind, dataset, training, selection)
    return Splits(dataset, training, selection, test, record, config.ferplus)


def _check_own_classes(config: TrainingConfig, dataset: Dataset) -> None:
    """Refuse settings that are for FER2013's expressions only, and classes without training images."""
    if config.ferplus or config.ferplus_labels:
        raise UsageError(
            f"FER+'s votes are for FER2013's expressions, not for {', '.join(dataset.expressions)}; leave --ferplus "
            "and --ferplus-labels out"
        )
    counts = np.bincount(dataset.subset("train").labels, minlength=len(dataset.expressions))
    if absent := [name for name, count in zip(dataset.expressions, counts, strict=True) if not count]:
        raise UsageError(f"{dataset.source} has no training images of the class {', '.join(absent)}")


def cleaned(training: Dataset, test: Dataset | None, ferplus: str | None) -> Dataset:
    """Leave out training images that are exact copies of test images, and those that most FER+ voters call no face.

    Args:
        training: The training images.
        test: The test images; `None` where there are none.
        ferplus: A FER+ file; `None` leaves non-faces in.

    Returns:
        The rest, in the same order.
    """
    keep = np.ones(len(training), bool)
    if test is not None:
        keep &= ~np.isin(pixel_hashes(training.images), pixel_hashes(test.images))
    if ferplus:
        votes, _ = join_ferplus(training, ferplus)
        keep &= votes[:, FERPLUS_CLASSES.index("NF")] <= votes.sum(1) / 2
    return training.take(np.flatnonzero(keep))


def _hold_out(training: Dataset, seed: int) -> tuple[Dataset, Dataset]:
    """The training images without a tenth of them, and that tenth, with the same share of each expression."""
    counts = Counter(training.expressions[label] for label in training.labels)
    rarest, needed = min(counts, key=counts.__getitem__), 10 * len(counts) - 9
    if counts[rarest] < 2 or len(training) < needed:
        raise UsageError(
            f"{training.source} has {len(training)} training images, {counts[rarest]} of them {rarest}: too few to "
            f"hold a tenth out for choosing the epoch, which takes {needed} images and 2 of each expression"
        )
    rest, held = train_test_split(np.arange(len(training)), test_size=0.1, random_state=seed, stratify=training.labels)
    return training.take(np.sort(rest)), training.take(np.sort(held))
