"""What the server accepts at most."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Every bound that keeps one client from hurting the others, and all of them from filling the memory.

    Attributes:
        body_bytes: Of one request; larger ones get 413 before they are read.
        pixels: Of one image; larger ones get 413 before they are decoded.
        faces: Faces classified in one image, the best found.
        waiting: Requests whose body has arrived and that are not answered yet; 503 beyond.
        waiting_bytes: Bytes that have arrived of all bodies; 503 beyond.
        upload_rate: Bytes per second that a body must arrive with on average, after the first `upload_grace` seconds;
            408 below.
        upload_grace: See `upload_rate`.
        connections: Open at once; beyond, the one that has been idle longest is closed, and 503 where none is idle.
        batch: Faces in one call of the model, and in one request of the V2 protocol.
        timeout: Seconds for the header, for the body, for the answer, and for each part of the response to be taken.
        idle: Seconds that a connection is kept without a request.
        linger: Seconds that a refused body is thrown away for, so that its sender can read why.
        grace: Seconds for the requests that run when the server is told to stop; 503 beyond.
    """

    body_bytes: int = 16_000_000
    pixels: int = 50_000_000
    faces: int = 100
    waiting: int = 128
    waiting_bytes: int = 256_000_000
    upload_rate: float = 50_000
    upload_grace: float = 5
    connections: int = 512
    batch: int = 64
    timeout: float = 30
    idle: float = 30
    linger: float = 10
    grace: float = 10
