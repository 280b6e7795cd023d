"""Rows of the report, which join the parity and latency of each file."""

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
        threads: CPU threads of the runtime.
        images_per_second_per_core: Images per second and core in this setting.
        usd_per_million: Cost of classifying a million faces in this setting, in US dollars.
    """

    batch: int
    threads: int
    images_per_second_per_core: float
    usd_per_million: float


@dataclass(frozen=True)
class ArtifactRow:
    """All measurements of one file.

    Attributes:
        file: The file.
        status: Status of its parity row; `measured` if it was only timed, `error` if it could not be timed.
        problems: A sentence or phrase for each missed gate and each error.
        parity_row: Row of the parity table; `None` if parity was not measured.
        latency: One row for each setting.
        cold_start: First prediction of a fresh process; `None` if not measured.
        cost: The cheapest setting; `None` if the file was not timed.
        timed_sha256: SHA-256 of the file that was timed, if it was an earlier file of the same network.
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
        """Whether the file misses a gate or could not be measured."""
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
        base: The file whose p50 is the divisor of the column "relative"; `None` if nothing was timed.
        parity: The run that measured parity.
        latency: The run that measured times.
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
