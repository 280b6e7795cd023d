"""The tables of training: images a second of a step, and minutes until a run reached an accuracy."""

from __future__ import annotations

from dataclasses import dataclass

from ..machine import Machine


@dataclass(frozen=True)
class StepTimes:
    """Training steps of one network, as `training.step` measures them.

    Attributes:
        steps: Timed steps.
        images_per_second: Over all of them.
        step_p10_ms: 10th percentile of the time of a step.
        step_p50_ms: Median.
        step_p90_ms: 90th percentile.
        weights: Of the network.
        macs: Multiply-accumulates for one image, forward.
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
        backend: Of Keras.
        variant: `stock` (the network as Keras compiles it) or `ours` (what `fer_zoo.train` runs), and the precision.
        speedup: Images a second over those of stock in float32.
        gflops: Billions of operations a second: six for each multiply-accumulate, forward once and backward twice,
            each a multiplication and an addition.
        share_of_peak: The same over the fastest matrix product of that precision.
    """

    network: str
    backend: str
    variant: str
    speedup: float
    gflops: float
    share_of_peak: float


@dataclass(frozen=True)
class RunRow:
    """How long a training run took, evaluation left out.

    Attributes:
        run: Name of its folder.
        model: Architecture.
        backend: Of Keras.
        precision: Of its arithmetic.
        epochs: That it ran.
        minutes: Of all of them.
        best: Highest accuracy on PublicTest.
        minutes_to: Minutes until PublicTest first reached an accuracy, by that accuracy in words; those reached only.
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
        machine: Where.
        batch: Images in a step.
        peak_gflops: Billions of operations a second of the fastest product of two matrices, by precision.
        speeds: One row for each network, backend and variant.
        runs: One row for each training run that was asked for.
    """

    when: str
    machine: Machine
    batch: int
    peak_gflops: dict[str, float]
    speeds: tuple[SpeedRow, ...]
    runs: tuple[RunRow, ...] = ()
