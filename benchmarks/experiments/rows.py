"""The table of training runs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ExperimentRow:
    """One training run; accuracies are shares of 1, on its test images.

    Attributes:
        run: Name of the run's folder.
        backend: Keras backend.
        settings: Settings as text, by name.
        epochs: Number of epochs that it ran.
        minutes: Wall time of the training steps.
        best_epoch: The epoch whose weights were published, chosen on PublicTest.
        train_accuracy: Accuracy on the training batches of that epoch, with dropout and augmentation.
        public_test: Accuracy on PublicTest.
        private_test: Accuracy on PrivateTest.
        test: Accuracy on all test images.
        test_interval: 95 % interval of the accuracy on all test images.
        macro_f1: Mean F1 of the classes on all test images.
        ece: Expected calibration error on all test images.
        f1: F1 of each class on all test images.
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
