"""The table of scale: photos on Ray's workers."""

from __future__ import annotations

from dataclasses import dataclass

from ..machine import Machine


@dataclass(frozen=True)
class ScaleRow:
    """One kind of photo on so many workers.

    Attributes:
        photo: Name of the kind of photo; each shows one face.
        workers: Processes of Ray, of one thread each.
        file_bytes: Size of the JPEG file.
        photos: Number of timed photos: those of parts that ended after each worker's first part, which opens the model.
        photos_per_second: Photos for each second of wall time.
        cpu_ms: Processor time of a photo in a worker, user and system.
        peak_bytes: Highest resident memory of a worker.
    """

    photo: str
    workers: int
    file_bytes: int
    photos: int
    photos_per_second: float
    cpu_ms: float
    peak_bytes: float


@dataclass(frozen=True)
class ScaleReport:
    """One run of the benchmark.

    Attributes:
        when: Date and time in UTC.
        machine: Where.
        model: Name of the model.
        rows: One for each kind of photo and number of workers.
    """

    when: str
    machine: Machine
    model: str
    rows: tuple[ScaleRow, ...]
