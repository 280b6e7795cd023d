"""The table of populations."""

from __future__ import annotations

from dataclasses import dataclass

PRIORS = ("training", "known", "estimated", "uniform")


@dataclass(frozen=True)
class PopulationRow:
    """One model's predictions on one population or data set, adapted to one prior.

    Attributes:
        model: Name in the zoo; its int8 ONNX file.
        sha256: SHA-256 of that file.
        population: A key of `POPULATIONS`, or `labels of other raters`: all test images whose FER+ raters agree on one
            of the seven expressions, with that label.
        prior: `training`: the predictions as they are; `known`: the population's true frequencies; `estimated`: by EM,
            from the predictions alone; `uniform`.
        n: Number of images.
        accuracy: Share of right predictions, 0 to 1.
        accuracy_interval: Wilson 95 % interval of the accuracy.
        macro_recall: Mean recall of the expressions that have images, 0 to 1.
        nll: Mean negative log-likelihood of the label, nats.
        ece: Expected calibration error, 15 bins, 0 to 1.
        recall: Recall of each expression that has images, 0 to 1.
    """

    model: str
    sha256: str
    population: str
    prior: str
    n: int
    accuracy: float
    accuracy_interval: tuple[float, float]
    macro_recall: float
    nll: float
    ece: float
    recall: dict[str, float]


@dataclass(frozen=True)
class Populations:
    """The record of a run.

    Attributes:
        source: Path of the data set.
        fingerprint: Hexadecimal key of its content.
        drawn: Number of images drawn for each population, with replacement.
        rows: One for each model, population and prior.
    """

    source: str
    fingerprint: str
    drawn: int
    rows: tuple[PopulationRow, ...]
