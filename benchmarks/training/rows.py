"""Rows of the training tables: images per second of a step, and minutes until a run reached an accuracy."""

from __future__ import annotations

from dataclasses import dataclass

from ..machine import Machine


@dataclass(frozen=True)
class StepTimes:
    """Training steps of one network, as `training.step` measures them.

    Attributes:
        steps: Number of timed steps.
        images_per_second: Mean over all steps.
        step_p10_ms: 10th percentile of the time of a step.
        step_p50_ms: Median of the time of a step.
        step_p90_ms: 90th percentile of the time of a step.
        weights: Number of weights of the network.
        macs: Multiply-accumulate operations for the forward pass of one image.
    """

    steps: int
    images_per_second: float
    step_p10_ms: float
    step_p50_ms: float
    step_p90_ms: float
    weights: int
    macs: int


@dataclass(frozen=True)
class SpeedRow(StepTimes):
    """The best round of one network on one backend.

    Attributes:
        network: `baseline_cnn`, `mobilenet-like` or `vgg`.
        backend: Keras backend.
        variant: `stock` (the network as Keras compiles it) or `ours` (what `fer_zoo.train` runs), and the precision.
        speedup: Images a second over those of stock in float32.
        gflops: Billions of operations a second: six for each multiply-accumulate, forward once and backward twice,
            each a multiplication and an addition.
        share_of_peak: `gflops` over that of the fastest matrix product in the same precision.
    """

    network: str
    backend: str
    variant: str
    speedup: float
    gflops: float
    share_of_peak: float


@dataclass(frozen=True)
class RunRow:
    """The duration of a training run, without evaluation.

    Attributes:
        run: Name of its folder.
        model: Architecture.
        backend: Keras backend.
        precision: Precision of its arithmetic.
        epochs: Number of epochs.
        minutes: Minutes for all epochs.
        best: Highest accuracy on PublicTest.
        minutes_to: Minutes until each accuracy was first reached on PublicTest, by the accuracy as text; without those
            never reached.
    """

    run: str
    model: str
    backend: str
    precision: str
    epochs: int
    minutes: float
    best: float
    minutes_to: dict[str, float]


@dataclass(frozen=True)
class TrainingReport:
    """One run of the benchmark.

    Attributes:
        when: Date and time in UTC.
        machine: Machine that it ran on.
        batch: Images in a step.
        peak_gflops: Billions of operations a second of the fastest product of two matrices, by precision.
        speeds: One row for each network, backend and variant.
        runs: One row for each selected training run.
    """

    when: str
    machine: Machine
    batch: int
    peak_gflops: dict[str, float]
    speeds: tuple[SpeedRow, ...]
    runs: tuple[RunRow, ...] = ()
