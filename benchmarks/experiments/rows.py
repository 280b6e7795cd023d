"""The table of training runs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ExperimentRow:
    """One training run; accuracies are shares of 1, on its test images.

    Attributes:
        run: Name of its folder.
        backend: Of Keras.
        settings: Each as text, by name.
        epochs: That it ran.
        minutes: Wall time of the training steps.
        best_epoch: The one whose weights were published, chosen on PublicTest.
        train_accuracy: On the training batches of that epoch, dropout and augmentation on.
        public_test: Accuracy.
        private_test: Accuracy.
        test: Accuracy on all test images.
        test_interval: Its 95 % interval.
        macro_f1: Mean F1 of the classes, all test images.
        ece: Expected calibration error, all test images.
        f1: By class, all test images.
    """

    run: str
    backend: str
    settings: dict[str, str]
    epochs: int
    minutes: float
    best_epoch: int
    train_accuracy: float
    public_test: float
    private_test: float
    test: float
    test_interval: tuple[float, float]
    macro_f1: float
    ece: float
    f1: dict[str, float]


@dataclass(frozen=True)
class ExperimentsReport:
    """One comparison; the first run is the one that others are compared with."""

    rows: tuple[ExperimentRow, ...]
