"""Rows of the tables that compare published models with ours."""

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
        sha256: SHA-256 of the file that was run.
        bytes: Size of the published file.
        params: Number of weights.
        macs: Multiply-accumulate operations for one image.
        license: SPDX identifier.
        origin: Where users get the file.
        seen: Whether the test images took part in its training: `no`, `chosen` (the checkpoint was chosen on them) or
            `unknown`.
        training: What is known of the images it was trained on.
        size: Height and width of its input.
        channels: Number of channels of its input.
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
    """All measurements of one file.

    Attributes:
        evaluation: Accuracy of the file.
        latency: Times in each setting, the smallest batch on the fewest threads first.
        cold_start: First prediction of a fresh process.
        timed_sha256: SHA-256 of the file that was timed, if it was an earlier file of the same network.
    """

    evaluation: Accuracy
    latency: tuple[PeerTimes, ...]
    cold_start: ColdStart
    timed_sha256: str | None = None

    @property
    def p50_ms(self) -> float:
        """Median time of a query with the smallest batch on the fewest threads."""
        return self.latency[0].p50_ms


@dataclass(frozen=True)
class PackageRow:
    """A PyPI package, timed by its own public call.

    Attributes:
        package: Name of the package.
        model: Name of the peer whose file it uses.
        version: Version of the package; `None`, like all below, if it was skipped.
        call: The call as its users write it.
        peak_memory_bytes: Largest resident memory of its process after the first prediction.
        cold_start_ms: Time from the start of the process to the first prediction.
        latency: Times of calls with one face.
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
    """One of our files compared with a peer.

    Attributes:
        name: Name of our file.
        accuracy: Accuracy of our file, 0..1.
        points: Accuracy of our file minus the peer's, -1..1.
        share: p50 of our file over the peer's.
    """

    name: str
    accuracy: float
    points: float
    share: float


@dataclass(frozen=True)
class PeerComparison:
    """A peer, and the files of ours that are better.

    Attributes:
        peer: Name of the peer's row.
        accuracy: Accuracy of the peer, 0..1.
        p50_ms: Median time of a query with the smallest batch on the fewest threads.
        fastest: The fastest of our files that is at least as accurate; `None` if there is none.
        best: The most accurate of our files that is at least as fast; `None` if there is none.
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
        machine: Machine that it ran on.
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
