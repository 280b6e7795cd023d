"""Rows of the parity table: every file compared with its Keras original."""

from __future__ import annotations

from dataclasses import dataclass

from fer_zoo.evaluation.parity import Gate, Parity

from ..accuracy.rows import Accuracy
from ..machine import Machine, Platform
from ..rows import ImageSet, ModelFile


@dataclass(frozen=True)
class Difference(Parity):
    """Differences between a file and its original on the same images, file minus original.

    Attributes:
        ece_delta: Difference of the expected calibration error, -1..1.
        nll_delta: Difference of the negative log-likelihood, in nats.
        lost: Number of images that only the original classifies correctly.
        won: Number of images that only the file classifies correctly.
        mcnemar_p: p value of McNemar's exact test, two-sided.
        accuracy_delta_interval: Paired 95 % interval of the difference in accuracy.
        macro_f1_delta_interval: 95 % interval of the difference in macro-F1, by paired bootstrap; `None` in tables of
            earlier versions.
    """

    ece_delta: float
    nll_delta: float
    lost: int
    won: int
    mcnemar_p: float
    accuracy_delta_interval: tuple[float, float]
    macro_f1_delta_interval: tuple[float, float] | None = None


@dataclass(frozen=True)
class RuntimeRow:
    """A file run by another Keras backend or runtime than its own, compared with the original.

    Attributes:
        runtime: Name of the backend or runtime, such as `Keras on jax` or `openvino`.
        status: `passed`, `failed` (a gate is missed) or `error` (the file could not be run).
        missed: A phrase for each missed gate.
        parity: Differences from the original; `None` if the file could not be run.
        error: Why the file could not be run.
    """

    runtime: str
    status: str
    missed: tuple[str, ...] = ()
    parity: Parity | None = None
    error: str | None = None


@dataclass(frozen=True)
class Original:
    """The Keras file that an export was compared with: its path and SHA-256."""

    path: str
    sha256: str


@dataclass(frozen=True)
class ParityRow:
    """One file.

    Attributes:
        file: The file.
        status: `reference` (an original), `passed`, `failed` (a gate is missed) or `error` (it could not be measured).
        missed: A phrase for each missed gate.
        error: Why the file could not be measured.
        machine: The platform that it was measured on, if that is not the run's.
        evaluation: Accuracy of the file.
        parity: Differences from the original; `None` for an original.
        gate: Limits for the precision of the file.
        reference: The original that the file was compared with.
        goals_missed: A phrase for each missed goal of the zoo; `None` for an original.
        other_runtimes: The file on other backends and in other runtimes, if that was requested.
    """

    file: ModelFile
    status: str
    missed: tuple[str, ...] = ()
    error: str | None = None
    machine: Platform | None = None
    evaluation: Accuracy | None = None
    parity: Difference | None = None
    gate: Gate | None = None
    reference: Original | None = None
    goals_missed: tuple[str, ...] | None = None
    other_runtimes: tuple[RuntimeRow, ...] = ()

    @property
    def bad(self) -> bool:
        """Whether the file, in any runtime, misses a gate or could not be measured."""
        statuses = (self.status, *(row.status for row in self.other_runtimes))
        return not {"failed", "error"}.isdisjoint(statuses)


@dataclass(frozen=True)
class ParityReport:
    """One run.

    Attributes:
        started: Date and time in UTC.
        machine: Machine that it ran on.
        data: The test images.
        rows: One for each file.
        finished: Date and time in UTC; `None` if the run was interrupted.
    """

    started: str
    machine: Machine
    data: ImageSet
    rows: tuple[ParityRow, ...] = ()
    finished: str | None = None
