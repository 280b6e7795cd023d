"""The table of the server: requests a second, latency and memory."""

from __future__ import annotations

from dataclasses import dataclass

from ..machine import Machine


@dataclass(frozen=True)
class ServingRow:
    """One checkout with one number of connections.

    Attributes:
        checkout: Name of its folder.
        connections: That send one request after the other.
        hostile: Clients beside them that hold connections.
        requests: That got a response.
        failed: Of these, responses other than 200.
        requests_per_second: Over all rounds.
        p50_ms: Median time of a request.
        p99_ms: 99th percentile.
        cpu_ms: Processor time of the server for a request.
        first_bytes: Resident memory of the server's processes after the first round.
        last_bytes: The same after the last round.
    """

    checkout: str
    connections: int
    hostile: int
    requests: int
    failed: int
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
        machine: Where.
        photo_size: Width and height of the photo of one face that every request has, in pixels.
        options: Of the server.
        rounds: That each row was cut into, in turns with the others.
        rows: One for each checkout, number of connections and of hostile clients.
    """

    when: str
    machine: Machine
    photo_size: tuple[int, int]
    options: tuple[str, ...]
    rounds: int
    rows: tuple[ServingRow, ...]
