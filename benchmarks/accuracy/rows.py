"""Rows of accuracy tables: of one file, with test-time augmentation, and over several trainings."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

from ..rows import ImageSet


@dataclass(frozen=True)
class Accuracy:
    """Metrics of the predictions of one file; shares are in 0..1, intervals at 95 %.

    Attributes:
        n: Number of images.
        accuracy: Share of images with the right prediction.
        accuracy_interval: Wilson interval.
        macro_f1: Mean F1 of the classes.
        ece: Expected calibration error.
        nll: Mean negative log-likelihood of the label, in nats.
        recall: Recall of each class that has images.
        private_test: Accuracy on PrivateTest; `None` if the data has no such split.
        n_without_train_copies: Number of images that have no exact copy among the model's training images. This and the
            next two are `None` if no image has a copy, or if the training images are unknown.
        accuracy_without_train_copies: Accuracy on the images without copies.
        without_train_copies_interval: Wilson interval of that accuracy.
    """

    n: int
    accuracy: float
    accuracy_interval: tuple[float, float]
    macro_f1: float
    ece: float
    nll: float
    recall: dict[str, float]
    private_test: float | None = None
    n_without_train_copies: int | None = None
    accuracy_without_train_copies: float | None = None
    without_train_copies_interval: tuple[float, float] | None = None


@dataclass(frozen=True)
class TtaRow:
    """Accuracy of one file with one kind of test-time augmentation.

    Attributes:
        model: Name in the zoo.
        path: Path of the measured file, relative to the artifacts folder.
        sha256: SHA-256 of the file.
        classes: Number of expressions.
        tta: `none`, `mirror` or `ten-crop`.
        accuracy: Accuracy on all test images, 0 to 1.
        public_test: Accuracy on PublicTest, on which recipes were chosen; `None` if the data has no such images.
        private_test: Accuracy on PrivateTest, on which nothing was chosen; `None` if the data has no such images.
        precision: Precision of the file, `fp32` or `int8`.
    """

    model: str
    path: str
    sha256: str
    classes: int
    tta: str
    accuracy: float
    public_test: float | None = None
    private_test: float | None = None
    precision: str = "fp32"


@dataclass(frozen=True)
class TtaReport:
    """Test-time augmentation of several files on the same images."""

    data: ImageSet
    rows: tuple[TtaRow, ...] = ()


@dataclass(frozen=True)
class SeedsRow:
    """Accuracy of one recipe's trainings on one split.

    Attributes:
        model: Name in the zoo.
        split: `test`, `public_test` or `private_test`.
        seeds: Seed of each training.
        accuracies: Accuracy of each training, 0 to 1, in the order of `seeds`.
    """

    model: str
    split: str
    seeds: tuple[int, ...]
    accuracies: tuple[float, ...]

    @property
    def mean(self) -> float:
        return statistics.fmean(self.accuracies)

    @property
    def deviation(self) -> float:
        """The sample standard deviation (n - 1)."""
        return statistics.stdev(self.accuracies)

    @property
    def text(self) -> str:
        """For example `70.31 ± 0.22 %, 3 seeds`."""
        return f"{100 * self.mean:.2f} ± {100 * self.deviation:.2f} %, {len(self.seeds)} seeds"


@dataclass(frozen=True)
class SeedsReport:
    """Mean and spread of several recipes."""

    rows: tuple[SeedsRow, ...] = ()
