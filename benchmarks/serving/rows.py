"""The table of the server: requests a second, latency and memory."""

from __future__ import annotations

from dataclasses import dataclass

from ..machine import Machine


@dataclass(frozen=True)
class ServingRow:
    """One checkout with one number of connections.

    Attributes:
        checkout: Name of its folder.
        connections: Number of connections, each of which sends one request after the other.
        hostile: Number of hostile clients at the same time, which only hold connections.
        mixed: Whether two requests in five are broken or too large, in place of photos alone.
        requests: Number of requests.
        failed: Number of those that got no response, or another status than they must.
        busy: Number of responses 503 to a mixed load, after each of which the request was sent again.
        requests_per_second: Mean over all rounds.
        p50_ms: Median time of a request.
        p99_ms: 99th percentile of the time of a request.
        cpu_ms: Processor time of the server for a request.
        first_bytes: Resident memory of the server's processes after the first round.
        last_bytes: Resident memory of the server's processes after the last round.
    """

    checkout: str
    connections: int
    hostile: int
    mixed: bool
    requests: int
    failed: int
    busy: int
    requests_per_second: float
    p50_ms: float
    p99_ms: float
    cpu_ms: float
    first_bytes: float
    last_bytes: float


@dataclass(frozen=True)
class ServingReport:
    """One run of the benchmark.

    Attributes:
        when: Date and time in UTC.
        machine: Machine that it ran on.
        photo_size: Width and height in pixels of the photo of one face in every request.
        options: Command-line options of the server.
        rounds: Number of rounds, in which all servers took turns.
        rows: One for each checkout, number of connections and of hostile clients.
    """

    when: str
    machine: Machine
    photo_size: tuple[int, int]
    options: tuple[str, ...]
    rounds: int
    rows: tuple[ServingRow, ...]
