"""The table of the generalization study."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class GeneralizationRow:
    """One trained network on one set of test images, with its predictions adapted to one prior.

    Attributes:
        half: What it was trained on: `clear`, the faces on which FER+'s raters agree, or `ambiguous`, the others.
        variant: A key of `VARIANTS`.
        seed: Seed of the training.
        test: A key of `TESTS`.
        prior: `training`: the predictions as they are; `uniform`: for a population in which all expressions occur
            alike.
        n: Number of images.
        accuracy: Share of right predictions, 0 to 1.
        macro_recall: Mean recall of the expressions, 0 to 1.
        nll: Mean negative log-likelihood of the label, nats.
        ece: Expected calibration error, 15 bins, 0 to 1.
    """

    half: str
    variant: str
    seed: int
    test: str
    prior: str
    n: int
    accuracy: float
    macro_recall: float
    nll: float
    ece: float


@dataclass(frozen=True)
class PublishedRow:
    """One published model on PrivateTest's faces of one half, with its predictions adapted to one prior.

    Attributes:
        model: Name in the zoo, of its int8 ONNX file, or of a peer.
        ours: Whether it is of the zoo.
        half: `clear` or `ambiguous`.
        prior: `training` or `uniform`, as in `GeneralizationRow`.
        n: Number of images.
        accuracy: Share of right predictions, 0 to 1.
        macro_recall: Mean recall of the expressions, 0 to 1.
    """

    model: str
    ours: bool
    half: str
    prior: str
    n: int
    accuracy: float
    macro_recall: float


@dataclass(frozen=True)
class Generalization:
    """The record of a study.

    Attributes:
        source: Path of the data set.
        fingerprint: Hexadecimal key of its content.
        model: The network that was trained.
        epochs: Epochs of each training.
        agreement: Share of FER+'s votes for one expression above which a face is `clear`: the train images' median.
        training_images: Number of training images by half.
        agreeing_labels: Share of the train images, by half, whose FER2013 label is the raters' majority.
        rows: One for each training, test and prior.
        published: One for each published model, half and prior.
    """

    source: str
    fingerprint: str
    model: str
    epochs: int
    agreement: float
    training_images: dict[str, int]
    agreeing_labels: dict[str, float]
    rows: tuple[GeneralizationRow, ...]
    published: tuple[PublishedRow, ...] = ()
