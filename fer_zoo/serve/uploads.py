"""Limits the size and speed of request bodies, and how many are held at once."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from prometheus_client import Gauge
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fer_zoo.serve.limits import Limits
from fer_zoo.serve.responses import unavailable


@dataclass
class ServerLoad:
    """The load of the server at the moment.

    Attributes:
        gauge: Metric that displays `waiting`.
        waiting: Requests whose body has arrived and that wait for their response.
        bytes: Bytes of all bodies that have arrived, completely or in part.
    """

    gauge: Gauge
    waiting: int = 0
    bytes: int = 0

    def add(self, requests: int) -> None:
        self.waiting += requests
        self.gauge.inc(requests)


class UploadLimits:
    """ASGI middleware that limits request bodies: it refuses a request by its header if possible, else while reading.

    Args:
        app: The endpoint.
        limits: Limits for bodies.
        load: Load of the server, shared by all its endpoints.
        body_bytes: Limit for the bytes of one body; `None` is that of `limits`.
    """

    def __init__(self, app: ASGIApp, limits: Limits, load: ServerLoad, body_bytes: int | None = None) -> None:
        self._app = app
        self._limits = limits
        self._load = load
        self._body_bytes = body_bytes or limits.body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "POST":  # The endpoint refuses it.
            await self._app(scope, receive, send)
            return
        body = _Body(self._length(Headers(scope=scope)), receive, self._limits, self._load)
        try:
            await self._app(scope, body.receive, send)
        finally:
            body.release()

    def _length(self, headers: Headers) -> int:
        """The Content-Length, if a body of this length can be accepted now."""
        if "transfer-encoding" in headers or "content-length" not in headers:
            raise HTTPException(411, "send the body with its Content-Length, not in chunks")
        if headers.get("content-encoding", "identity").lower() != "identity":
            raise HTTPException(415, "send the body without a Content-Encoding")
        length = int(headers["content-length"])
        if length > self._body_bytes:
            raise HTTPException(413, f"the body has more than {self._body_bytes} bytes; send less at a time")
        if self._load.waiting >= self._limits.waiting:
            raise _full()
        return length


class _Body:
    """The body of one request while it arrives."""

    def __init__(self, length: int, receive: Receive, limits: Limits, load: ServerLoad) -> None:
        self._length = length
        self._receive = receive
        self._limits = limits
        self._load = load
        self._start = asyncio.get_running_loop().time()
        self._arrived = 0
        self._complete = False

    async def receive(self) -> Message:
        if self._complete:
            return await self._receive()
        allowed = min(self._limits.timeout, self._limits.upload_grace + self._arrived / self._limits.upload_rate)
        try:
            async with asyncio.timeout_at(self._start + allowed):
                message = await self._receive()
        except TimeoutError:
            missing = self._length - self._arrived
            raise HTTPException(408, f"the body came too slowly; {missing} bytes are missing") from None
        size = len(message.get("body", b""))
        self._arrived += size
        self._load.bytes += size
        if self._load.bytes > self._limits.waiting_bytes:
            raise _full()
        if message["type"] == "http.request" and not message.get("more_body"):
            if self._load.waiting >= self._limits.waiting:
                raise _full()
            self._complete = True
            self._load.add(1)
        return message

    def release(self) -> None:
        self._load.bytes -= self._arrived
        self._load.add(-self._complete)


def _full() -> HTTPException:
    return unavailable("too many requests are waiting; try again in a moment")
