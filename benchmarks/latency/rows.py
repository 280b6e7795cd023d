"""The tables of time: each query, and the first prediction of a fresh process."""

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
        p50_ms_by_round: Median of each round, whose spread is how far the machine drifted.
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
        path: Of the file in the manifest.
        runtime: That ran it.
        batch: Images per query.
        threads: Of the runtime.
        gmacs_per_second: Billions of multiply-accumulates a second at the p50.
        share_of_peak: The same over the speed of NumPy's float32 matrix product on as many threads.
        roofline_ms: Time of the multiply-accumulates at that speed.
        times_roofline: p50 over that time.
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
        cold_start_ms: From before the process exists to its first prediction.
        python_ms: Of these, until Python runs.
        import_ms: For imports.
        load_ms: For loading the model.
        answer_ms: For the first query.
        peak_memory_bytes: Largest resident memory of the process; `None` where the system does not say.
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
        path: Of the file; empty where the row that holds this has it.
        runtime: That ran it; empty likewise.
        threads: Of the runtime.
        cold_start_ms_range: Least and greatest cold start.
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
        machine: Where.
        settings: How files were timed.
        files: Those that were asked for.
        peak_gmacs: Billions of multiply-accumulates a second of NumPy's float32 matrix product, by number of threads.
        price: Of one core for one hour, in US dollars.
        errors: Why a file could not be measured, by its path.
        rows: One for each file and setting.
        cold_starts: One for each file.
        finished: Date and time in UTC; `None` where the run was interrupted.
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
