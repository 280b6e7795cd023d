"""A record of each request and its response, for the metrics and the access log."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

# The status that nginx logs for a client that closed the connection before it got a response.
CLIENT_CLOSED_REQUEST = 499


@dataclass(frozen=True)
class RequestRecord:
    """One request and its response.

    Attributes:
        client: The client's address; empty if it has none.
        method: HTTP method.
        target: Path and query as in the request, percent-encoded.
        endpoint: The operation's name, such as `predict`; `page` for files of the page and unknown addresses.
        status: HTTP status.
        bytes: Size of the response body in bytes.
        seconds: Time from the header of the request to the end of the response.
    """

    client: str
    method: str
    target: str
    endpoint: str
    status: int
    bytes: int
    seconds: float


class RequestRecorder:
    """ASGI middleware that calls each of `observers` with each record."""

    def __init__(self, app: ASGIApp, observers: Sequence[Callable[[RequestRecord], None]]) -> None:
        self._app = app
        self._observers = observers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start = time.perf_counter()
        status, size = CLIENT_CLOSED_REQUEST, 0

        async def send_counting(message: Message) -> None:
            nonlocal status, size
            status = message.get("status", status)
            size += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive, send_counting)
        finally:
            query = scope["query_string"]
            record = RequestRecord(
                client=(scope.get("client") or ("",))[0],
                method=scope["method"],
                target=(scope.get("raw_path", b"") + (b"?" + query if query else b"")).decode("latin-1"),
                endpoint=getattr(scope.get("endpoint"), "__name__", "page"),
                status=status,
                bytes=size,
                seconds=time.perf_counter() - start,
            )
            for observe in self._observers:
                observe(record)
