"""Limits for the requests that the server accepts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Limits that keep one client from disturbing the others, and all clients from filling the memory.

    Attributes:
        body_bytes: Bytes of one request; a larger one gets 413 before it is read.
        pixels: Pixels of one image; a larger one gets 413 before it is decoded.
        faces: Faces that are classified in one image, those with the highest scores.
        waiting: Requests whose body has arrived and that wait for their response; further ones get 503.
        waiting_bytes: Bytes of all bodies that have arrived so far; further ones get 503.
        upload_rate: Lowest mean speed of a body in bytes per second, after the first `upload_grace` seconds; a slower
            one gets 408.
        upload_grace: Seconds before `upload_rate` applies.
        connections: Connections open at once. For a further one, the connection that has been idle longest is closed;
            if none is idle, the new one gets 503.
        batch: Faces in one call of the model, and in one request of the V2 protocol.
        timeout: Seconds for the header, for the body, for computing the response, and for the client to read each part
            of the response.
        idle: Seconds that a connection stays open without a request.
        linger: Seconds for which the body of a refused request is read and discarded, so that the client can read the
            error response.
        grace: Seconds for running requests to finish when the server stops; then they get 503.
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
