"""Rows of the latency tables: each query, and the first prediction of a fresh process."""

from __future__ import annotations

from dataclasses import dataclass

from ..machine import Machine
from ..options import Timing
from ..rows import ModelFile


@dataclass(frozen=True)
class Times:
    """The queries of one file in one setting; times in milliseconds, percentiles by nearest rank.

    Attributes:
        n: Timed queries.
        p50_ms: Median.
        p90_ms: 90th percentile.
        p99_ms: 99th percentile.
        mean_ms: Mean.
        images_per_second: Images over the time of all queries.
        p50_ms_by_round: Median of each round; their spread shows how much the machine's speed changed.
    """

    n: int
    p50_ms: float
    p90_ms: float
    p99_ms: float
    mean_ms: float
    images_per_second: float
    p50_ms_by_round: tuple[float, ...]


@dataclass(frozen=True)
class LatencyRow(Times):
    """One file in one setting.

    Attributes:
        path: Path of the file in the manifest.
        runtime: Runtime that ran the file.
        batch: Images per query.
        threads: CPU threads of the runtime.
        gmacs_per_second: Billions of multiply-accumulate operations per second at the p50.
        share_of_peak: `gmacs_per_second` over the speed of NumPy's float32 matrix product on as many threads.
        roofline_ms: Time that the multiply-accumulate operations would take at the speed of the matrix product.
        times_roofline: p50 over `roofline_ms`.
        relative_p50: p50 over that of the report's base in the same setting; the report computes it.
    """

    path: str
    runtime: str
    batch: int
    threads: int
    gmacs_per_second: float
    share_of_peak: float
    roofline_ms: float
    times_roofline: float
    relative_p50: float | None = None

    @property
    def setting(self) -> tuple[int, int]:
        """Batch and threads."""
        return self.batch, self.threads


@dataclass(frozen=True)
class Start:
    """The first prediction of a fresh process.

    Attributes:
        cold_start_ms: Time from before the process starts to its first prediction.
        python_ms: Part of it until Python runs.
        import_ms: Part of it for imports.
        load_ms: Part of it for loading the model.
        answer_ms: Part of it for the first query.
        peak_memory_bytes: Largest resident memory of the process; `None` if the system does not report it.
    """

    cold_start_ms: float
    python_ms: float
    import_ms: float
    load_ms: float
    answer_ms: float
    peak_memory_bytes: float | None = None


@dataclass(frozen=True)
class ColdStart(Start):
    """Medians over several fresh processes of one file.

    Attributes:
        n: Number of processes.
        path: Path of the file; empty if this is part of a row that has it.
        runtime: Runtime that ran the file; empty if this is part of a row that has it.
        threads: CPU threads of the runtime.
        cold_start_ms_range: Shortest and longest cold start.
    """

    n: int = 1
    path: str = ""
    runtime: str = ""
    threads: int = 1
    cold_start_ms_range: tuple[float, ...] | None = None


@dataclass(frozen=True)
class LatencyReport:
    """One run.

    Attributes:
        started: Date and time in UTC.
        machine: Machine that it ran on.
        settings: How files were timed.
        files: The selected files.
        peak_gmacs: Billions of multiply-accumulate operations per second of NumPy's float32 matrix product, by number
            of threads.
        price: Price of one core for one hour, in US dollars.
        errors: Why a file could not be measured, by its path.
        rows: One for each file and setting.
        cold_starts: One for each file.
        finished: Date and time in UTC; `None` if the run was interrupted.
    """

    started: str
    machine: Machine
    settings: Timing
    files: tuple[ModelFile, ...]
    peak_gmacs: dict[str, float]
    price: float
    errors: dict[str, str]
    rows: tuple[LatencyRow, ...] = ()
    cold_starts: tuple[ColdStart, ...] = ()
    finished: str | None = None
