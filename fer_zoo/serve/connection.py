"""The connection of one client: uvicorn's, with timeouts and limits that uvicorn does not have."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from fer_zoo.serve.limits import Limits
from fer_zoo.serve.prometheus import Metrics
from fer_zoo.serve.responses import refusal
from fer_zoo.serve.security import SECURITY_HEADERS

HEAD_BYTES = 32 << 10

_log = logging.getLogger(__name__)
# Seconds between two lines in the log about connections that were refused.
_LOG_SECONDS = 60.0


class RefusalLog:
    """Logs that connections are refused, at most once a minute; all connections of a server share one."""

    def __init__(self) -> None:
        self._quiet_until = 0.0

    def refused(self, now: float, most: int) -> None:
        if now >= self._quiet_until:
            self._quiet_until = now + _LOG_SECONDS
            _log.warning("more than %d connections, and none is idle: new ones are refused", most)


class Connection(HttpToolsProtocol):
    """Ends connections that send or read too slowly, that are idle for too long, or that are too many.

    Uvicorn makes one for each client. The app's lifespan state holds the `metrics`.

    Args:
        limits: Limits for time and for the number of connections.
        refusal_log: Log of refused connections, shared by all connections.
    """

    def __init__(self, *args: Any, limits: Limits, refusal_log: RefusalLog, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._limits = limits
        self._refusal_log = refusal_log
        self._metrics: Metrics = self.app_state["metrics"]
        self._idle_since: float | None = None  # Also while a refused body is thrown away
        self._head_bytes: int | None = None  # None outside of a header
        self._head_began_in_chunk = False
        self._in_body = False
        self._refused = False
        self._head_error: tuple[int, str] | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._write_deadline: asyncio.TimerHandle | None = None

    # Called by asyncio.

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        # asyncio sets this option only for sockets that it creates itself. Without it a response's body waits 40 ms for
        # the client to acknowledge the header (Nagle's algorithm and delayed acknowledgements).
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._metrics.connections.inc()
        if len(self.connections) > self._limits.connections and not self._evict_idle():
            self._metrics.refused.inc()
            self._refusal_log.refused(self.loop.time(), self._limits.connections)
            self._refuse(503, "too many connections; try again in a moment")
            transport.close()
            return
        self._be_idle()

    def connection_lost(self, exc: Exception | None) -> None:
        self._metrics.connections.dec()
        for timer in (self._deadline, self._write_deadline):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        if self._head_bytes is None and not self._in_body and not self._responding():
            self._begin_head()
        self._head_began_in_chunk = False
        super().data_received(data)
        # If a header begins in the middle of the data, it is not known how many bytes belong to it.
        if self._head_bytes is not None and not self._head_began_in_chunk and not self._refused:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES:
                self._refuse(431, f"the header is longer than {HEAD_BYTES} bytes")

    def eof_received(self) -> bool:  # type: ignore[override]
        """Keep the connection if the client has sent everything but still waits for its response."""
        waits = self._responding()
        if waits:
            self.cycle.keep_alive = False
        return waits

    def pause_writing(self) -> None:
        super().pause_writing()
        self._write_deadline = self.loop.call_later(self._limits.timeout, self._abort, "write_timeout")

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._write_deadline is not None:
            self._write_deadline.cancel()

    # Called by the HTTP parser, and by a response that ends.

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self._head_bytes is None:
            self._head_began_in_chunk = True
            self._begin_head()

    def on_headers_complete(self) -> None:
        if sum(len(name) + len(value) for name, value in self.headers) > HEAD_BYTES:
            self._head_error = 431, f"the header is longer than {HEAD_BYTES} bytes"
        elif (version := self.parser.get_http_version()) not in ("1.0", "1.1"):
            self._head_error = 505, f"HTTP/{version} is not spoken here, HTTP/1.1 is"
        if self._head_error is not None:
            raise ValueError(self._head_error[1])
        super().on_headers_complete()
        self._head_bytes = None
        self._in_body = True
        self._no_deadline()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._in_body = False
        if self.cycle.response_complete:
            self._be_idle()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing():
            self._end_after(self._limits.timeout, lambda: self._abort("write_timeout"))
        elif self.cycle.response_complete:  # Otherwise the next pipelined request is being processed.
            if self._in_body:
                # If the connection were closed now, a client that still sends could lose the response.
                self._idle_since = self.loop.time()
                self._end_after(self._limits.linger, lambda: self._abort("linger_timeout"))
            elif self._head_bytes is None:
                self._be_idle()
            else:
                self._end_after(self._limits.timeout, self._head_is_late)

    def send_400_response(self, msg: str) -> None:
        self._refuse(*(self._head_error or (400, "this is not an HTTP request, or its header is malformed")))

    def shutdown(self) -> None:
        super().shutdown()
        if self.transport.is_closing():
            self._end_after(self._limits.linger, lambda: self._abort("write_timeout"))

    # Timeouts and refusals.

    def _responding(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _begin_head(self) -> None:
        self._idle_since = None
        self._head_bytes = 0
        if not self._responding():
            self._end_after(self._limits.timeout, self._head_is_late)

    def _be_idle(self) -> None:
        self._idle_since = self.loop.time()
        self._end_after(self._limits.idle, lambda: self._abort("idle_timeout"))

    def _evict_idle(self) -> bool:
        """Close the connection that has been idle longest; false if none is idle."""
        idle = [c for c in self.connections if isinstance(c, Connection) and c._idle_since is not None]
        if not idle:
            return False
        oldest = min(idle, key=lambda c: c._idle_since or 0)
        oldest._idle_since = None
        oldest._abort("evicted")
        return True

    def _head_is_late(self) -> None:
        self._metrics.aborted.labels("header_timeout").inc()
        self._refuse(408, f"the header took longer than {self._limits.timeout:g} seconds")

    def _refuse(self, status: int, message: str) -> None:
        """Send an error response in place of processing a request, and discard all further data."""
        self._refused = True
        retry = {"Retry-After": "1"} if status == HTTPStatus.SERVICE_UNAVAILABLE else {}
        response = refusal(status, message, SECURITY_HEADERS | {"Connection": "close"} | retry)
        phrase = HTTPStatus(status).phrase.encode()
        fields = [*self.server_state.default_headers, *response.raw_headers]
        lines = [b"HTTP/1.1 %d %b" % (status, phrase), *(b"%b: %b" % field for field in fields)]
        self.transport.write(b"\r\n".join([*lines, b"", bytes(response.body)]))
        self._idle_since = self.loop.time()
        if self._responding():  # The client cannot use a response that follows this one.
            self.transport.close()
        else:
            self.transport.write_eof()
        self._end_after(self._limits.linger, lambda: self._abort("linger_timeout"))

    def _abort(self, reason: str) -> None:
        self._metrics.aborted.labels(reason).inc()
        self.transport.abort()

    def _end_after(self, seconds: float, end: Callable[[], None]) -> None:
        self._no_deadline()
        self._deadline = self.loop.call_later(seconds, end)

    def _no_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
