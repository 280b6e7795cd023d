"""Rows of the throughput table: processor time and memory for a photo."""

from __future__ import annotations

from dataclasses import dataclass

from ..machine import Machine


@dataclass(frozen=True)
class PhotoKind:
    """A kind of photos to measure: a photo of one face, enlarged or shrunk.

    Attributes:
        name: Name of the kind, such as `640x480`.
        width: Width in pixels.
        height: Height in pixels.
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
        file_bytes: Size of the JPEG file.
        cores: Number of cores that the program could use.
        photos: Number of timed photos.
        cpu_ms: Processor time for a photo, user and system, without the start of the program; of the best round.
        wall_ms: Wall time for a photo, without the start of the program; of the best round.
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
        machine: Machine that it ran on.
        model: The model file that all checkouts used.
        rounds: Number of rounds, in which all programs took turns.
        rows: One for each program, kind of photo and number of cores.
        missing: The reason for each program that could not run, by its name.
    """

    when: str
    machine: Machine
    model: str
    rounds: int
    rows: tuple[ThroughputRow, ...]
    missing: dict[str, str]
