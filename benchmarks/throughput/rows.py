"""The table of throughput: processor time and memory of a photo."""

from __future__ import annotations

from dataclasses import dataclass

from ..machine import Machine


@dataclass(frozen=True)
class PhotoKind:
    """What photos are measured: one of one face, enlarged or shrunk.

    Attributes:
        name: Such as `640x480`.
        width: In pixels.
        height: The same.
        grain: Standard deviation of the seeded noise, in levels of 0..255, that makes the file as large as a camera's.
    """

    name: str
    width: int
    height: int
    grain: float = 0


@dataclass(frozen=True)
class ThroughputRow:
    """One program on one kind of photo.

    Attributes:
        program: A checkout of fer_zoo, the bare decoder or a peer.
        photo: Name of the kind of photo.
        file_bytes: Of the JPEG file.
        cores: That the program could use.
        photos: That were timed.
        cpu_ms: Processor time of a photo, user and system, start left out: the best round.
        wall_ms: The same by the clock.
        start_cpu_seconds: Processor time of a run with one photo.
        peak_bytes: Highest resident memory of a run with one photo.
        speedup: Processor time of the first checkout over this, on the same photo with one core.
    """

    program: str
    photo: str
    file_bytes: int
    cores: int
    photos: int
    cpu_ms: float
    wall_ms: float
    start_cpu_seconds: float | None = None
    peak_bytes: int | None = None
    speedup: float | None = None


@dataclass(frozen=True)
class ThroughputReport:
    """One run of the benchmark.

    Attributes:
        when: Date and time in UTC.
        machine: Where.
        model: File that classified the faces, for all checkouts.
        rounds: That each program had, in turns.
        rows: One for each program, kind of photo and number of cores.
        missing: Programs that could not run, and why.
    """

    when: str
    machine: Machine
    model: str
    rounds: int
    rows: tuple[ThroughputRow, ...]
    missing: dict[str, str]
