"""The tables of published models beside ours."""

from __future__ import annotations

from dataclasses import dataclass

from ..accuracy.rows import Accuracy
from ..latency.rows import ColdStart, Times
from ..machine import Machine
from ..options import Timing
from ..rows import ImageSet


@dataclass(frozen=True)
class PeerFile:
    """A file of ours or of a peer in one runtime.

    Attributes:
        name: Unique in the report.
        family: `ours` or `peer`.
        model: Name of the model.
        runtime: `onnxruntime` or `litert`.
        precision: `fp32`, `int8`, or `as published`.
        sha256: Of the file that runs.
        bytes: Of the file as published.
        params: Weights.
        macs: Multiply-accumulates for one image.
        license: SPDX identifier.
        origin: Where users get it.
        seen: How far the test images took part in its training: `no`, `chosen` (they chose the checkpoint) or
            `unknown`.
        training: What is known of the images it was trained on.
        size: Height and width of its input.
        channels: Of its input.
    """

    name: str
    family: str
    model: str
    runtime: str
    precision: str
    sha256: str
    bytes: int
    params: int
    macs: int
    license: str
    origin: str
    seen: str
    training: str
    size: int
    channels: int


@dataclass(frozen=True)
class PeerTimes(Times):
    """Times with `batch` images per query on `threads` threads."""

    batch: int
    threads: int


@dataclass(frozen=True)
class PeerRow(PeerFile):
    """All that was measured of one file.

    Attributes:
        evaluation: Its accuracy.
        latency: One for each setting, the smallest batch on the fewest threads first.
        cold_start: In a fresh process.
        timed_sha256: Of the earlier file of the same network that the times are of, where they are not of this one.
    """

    evaluation: Accuracy
    latency: tuple[PeerTimes, ...]
    cold_start: ColdStart
    timed_sha256: str | None = None

    @property
    def p50_ms(self) -> float:
        """With the smallest batch on the fewest threads."""
        return self.latency[0].p50_ms


@dataclass(frozen=True)
class PackageRow:
    """A PyPI package, timed by its own public call.

    Attributes:
        package: Its name.
        model: Name of the peer whose file it uses.
        version: Of the package; `None`, as all below, where it was skipped.
        call: As its users write it.
        peak_memory_bytes: Largest resident memory of its process after the first prediction.
        cold_start_ms: until that prediction.
        latency: One face a call.
        skipped: Why it was not timed.
    """

    package: str
    model: str
    version: str | None = None
    call: str | None = None
    peak_memory_bytes: int | None = None
    cold_start_ms: float | None = None
    latency: Times | None = None
    skipped: str | None = None


@dataclass(frozen=True)
class Rival:
    """One of our files beside a peer.

    Attributes:
        name: Of our file.
        accuracy: Of our file, 0..1.
        points: Its accuracy minus the peer's, -1..1.
        share: Its p50 over the peer's.
    """

    name: str
    accuracy: float
    points: float
    share: float


@dataclass(frozen=True)
class PeerComparison:
    """A peer, and which of our files beats it.

    Attributes:
        peer: Name of its row.
        accuracy: 0..1.
        p50_ms: With the smallest batch on the fewest threads.
        fastest: The fastest of ours that is at least as accurate; `None` where none is.
        best: The most accurate of ours that is at least as fast; `None` where none is.
    """

    peer: str
    accuracy: float
    p50_ms: float
    fastest: Rival | None = None
    best: Rival | None = None


@dataclass(frozen=True)
class PeersReport:
    """One run.

    Attributes:
        finished: Date and time in UTC.
        machine: Where.
        settings: How files were timed.
        data: The test images.
        rows: One for each file and runtime.
        packages: One for each PyPI package.
        left_out: A sentence for each model that was not measured.
    """

    finished: str
    machine: Machine
    settings: Timing
    data: ImageSet
    rows: tuple[PeerRow, ...]
    packages: tuple[PackageRow, ...] = ()
    left_out: tuple[str, ...] = ()
