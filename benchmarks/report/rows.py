"""The rows of the report: what parity and latency know of each file, joined."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..accuracy.rows import Accuracy
from ..latency.rows import ColdStart, LatencyReport, LatencyRow
from ..parity.rows import Difference, ParityReport, ParityRow, RuntimeRow
from ..rows import ModelFile


@dataclass(frozen=True)
class Cost:
    """The setting in which a file classifies most images a second for each core.

    Attributes:
        batch: Images per query.
        threads: Of the runtime.
        images_per_second_per_core: There.
        usd_per_million: What a million faces cost there, in US dollars.
    """

    batch: int
    threads: int
    images_per_second_per_core: float
    usd_per_million: float


@dataclass(frozen=True)
class ArtifactRow:
    """All that was measured of one file.

    Attributes:
        file: Which.
        status: Of its parity row; `measured` where it was only timed, `error` where it could not be timed.
        problems: A sentence or phrase for each missed gate and each error.
        parity_row: `None` where parity was not measured.
        latency: One row for each setting.
        cold_start: `None` where not measured.
        cost: `None` where not timed.
        timed_sha256: Of the earlier file of the same network that the times are of, where they are not of this one.
    """

    file: ModelFile
    status: str
    problems: tuple[str, ...] = ()
    parity_row: ParityRow | None = None
    latency: tuple[LatencyRow, ...] = ()
    cold_start: ColdStart | None = None
    cost: Cost | None = None
    timed_sha256: str | None = None

    @property
    def bad(self) -> bool:
        """Whether it misses a gate or could not be measured."""
        return self.status in ("failed", "error")

    @property
    def evaluation(self) -> Accuracy | None:
        return self.parity_row.evaluation if self.parity_row else None

    @property
    def parity(self) -> Difference | None:
        return self.parity_row.parity if self.parity_row else None

    @property
    def other_runtimes(self) -> tuple[RuntimeRow, ...]:
        return self.parity_row.other_runtimes if self.parity_row else ()

    def at(self, setting: tuple[int, int]) -> LatencyRow | None:
        """The times with that batch and number of threads."""
        return next((row for row in self.latency if row.setting == setting), None)


@dataclass(frozen=True)
class Report:
    """One report.

    Attributes:
        artifacts: A row for each file.
        base: The file whose p50 the column "relative" divides by; `None` where nothing was timed.
        parity: The run that it has parity from.
        latency: The run that it has times from.
    """

    artifacts: tuple[ArtifactRow, ...]
    base: ArtifactRow | None = None
    parity: ParityReport | None = None
    latency: LatencyReport | None = None

    @property
    def settings(self) -> list[tuple[int, int]]:
        """Every (batch, threads) that was timed, small first."""
        return sorted({row.setting for artifact in self.artifacts for row in artifact.latency})


@dataclass(frozen=True)
class FileRow:
    """A line of a CSV file: any row that belongs to a file, with the file's name and path."""

    name: str
    path: str
    row: Any
