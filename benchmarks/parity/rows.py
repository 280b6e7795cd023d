"""The table of parity: every file beside its Keras original."""

from __future__ import annotations

from dataclasses import dataclass

from fer_zoo.evaluation.parity import Gate, Parity

from ..accuracy.rows import Accuracy
from ..machine import Machine, Platform
from ..rows import ImageSet, ModelFile


@dataclass(frozen=True)
class Difference(Parity):
    """A file minus its original on the same images.

    Attributes:
        ece_delta: Of the expected calibration error, -1..1.
        nll_delta: Of the negative log-likelihood, in nats.
        lost: Images that only the original gets right.
        won: Images that only the file gets right.
        mcnemar_p: McNemar's exact, two-sided.
        accuracy_delta_interval: 95 %, paired.
        macro_f1_delta_interval: 95 %, paired bootstrap; `None` in tables from before it was measured.
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
    """A file run by another Keras backend or runtime than its own, beside the same predictions of the original.

    Attributes:
        runtime: Its name, such as `Keras on jax` or `openvino`.
        status: `passed`, `failed` (a gate is missed) or `error` (it could not be run).
        missed: A phrase for each missed gate.
        parity: `None` where it could not be run.
        error: Why it could not be run.
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
        file: Which.
        status: `reference` (an original), `passed`, `failed` (a gate is missed) or `error` (it could not be measured).
        missed: A phrase for each missed gate.
        error: Why it could not be measured.
        machine: The platform it was measured on, where that is not the run's.
        evaluation: Its accuracy.
        parity: Its difference from the original; `None` for an original.
        gate: What its precision must hold.
        reference: The original it was compared with.
        goals_missed: A phrase for each goal of the zoo that it misses; `None` for an original.
        other_runtimes: The same file on other backends and in other runtimes, where that was asked for.
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
        """Whether it, or its run in another runtime, misses a gate or could not be measured."""
        statuses = (self.status, *(row.status for row in self.other_runtimes))
        return not {"failed", "error"}.isdisjoint(statuses)


@dataclass(frozen=True)
class ParityReport:
    """One run.

    Attributes:
        started: Date and time in UTC.
        machine: Where.
        data: The test images.
        rows: One for each file.
        finished: Date and time in UTC; `None` where the run was interrupted.
    """

    started: str
    machine: Machine
    data: ImageSet
    rows: tuple[ParityRow, ...] = ()
    finished: str | None = None
