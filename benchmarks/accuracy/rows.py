"""Rows of accuracy: of one file, with test-time augmentation, and over several trainings."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

from ..rows import ImageSet


@dataclass(frozen=True)
class Accuracy:
    """How good the predictions of one file are; shares are in 0..1, intervals at 95 %.

    Attributes:
        n: Number of images.
        accuracy: Share of images with the right prediction.
        accuracy_interval: Wilson interval.
        macro_f1: Mean F1 of the classes.
        ece: Expected calibration error.
        nll: Mean negative log-likelihood of the label, in nats.
        recall: By class that has images.
        private_test: Accuracy on PrivateTest, `None` without it.
        n_without_train_copies: Images that have no exact copy among the model's training images; `None`, as the next
            two, where no image has one or the training images are not known.
        accuracy_without_train_copies: Accuracy on those.
        without_train_copies_interval: Wilson interval of that.
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
        path: Of the file that was measured, relative to the artifacts folder.
        sha256: Of that file.
        classes: Number of expressions.
        tta: `none`, `mirror` or `ten-crop`.
        accuracy: On all test images, 0 to 1.
        public_test: On PublicTest, which has chosen the recipes; `None` where the data has no such images.
        private_test: On PrivateTest, which has chosen nothing.
        precision: Of the file, `fp32` or `int8`.
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
        seeds: Of each training.
        accuracies: Of each training, 0 to 1, in the order of `seeds`.
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
