"""The HTTP server: connections, routes, limits, and an orderly end."""

from __future__ import annotations

import asyncio
import logging
import signal
from contextlib import suppress
from pathlib import Path

from fer_zoo import __version__
from fer_zoo.errors import FerZooError
from fer_zoo.serve import protocol
from fer_zoo.serve.catalog import catalog
from fer_zoo.serve.limits import Limits
from fer_zoo.serve.multipart import image_part
from fer_zoo.serve.openapi import openapi
from fer_zoo.serve.page import TYPES, page_files
from fer_zoo.serve.protocol import HTTPError, Request, Response, error_response, json_response
from fer_zoo.serve.service import Service

_log = logging.getLogger(__name__)

_DOCS = Path(__file__).with_name("docs.html")
_METHODS = ("GET", "HEAD")
_BUSY = {"Retry-After": "1"}


class Server:
    """Answers HTTP with the page and the API.

    Args:
        service: Answers predictions.
        limits: Of everything.
    """

    def __init__(self, service: Service, limits: Limits) -> None:
        self._service = service
        self._limits = limits
        self._page = {f"/{address}": file for address, file in page_files(service.models, service.default).items()}
        self._page["/"] = self._page["/index.html"]
        self._page["/docs"] = _DOCS
        self._json = {
            "/v1/models": json_response(catalog(service.models, service.default)),
            "/openapi.json": json_response(openapi(service.models, limits)),
        }
        self._connections: dict[asyncio.Task[None], bool] = {}
        self._waiting = 0
        self._waiting_bytes = 0
        self._stopping = False

    async def start(self, host: str, port: int) -> tuple[asyncio.Server, int]:
        """Listen.

        Returns:
            The listening server and its port, the one chosen by the system where `port` is 0.

        Raises:
            FerZooError: The address cannot be had.
        """
        try:
            server = await asyncio.start_server(self._connected, host, port, limit=protocol.HEAD_BYTES, backlog=1024)
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or error
            raise FerZooError(f"cannot listen on {host}, port {port} ({reason}); choose another one") from error
        return server, server.sockets[0].getsockname()[1]

    async def stop(self, server: asyncio.Server) -> None:
        """Take no more requests, answer those that run for at most `grace` seconds, and close."""
        self._stopping = True
        server.close()
        for task, busy in self._connections.items():
            if not busy:
                task.cancel()
        if self._connections:
            _, late = await asyncio.wait(self._connections, timeout=self._limits.grace)
            for task in late:
                task.cancel()
        self._service.close()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        crowded = len(self._connections) >= self._limits.connections
        self._connections[task] = False
        try:
            if crowded:
                refusal = HTTPError(503, "too many connections; try again in a moment", _BUSY)
                await protocol.send(writer, error_response(refusal), False, False, 1)
            else:
                await self._converse(task, reader, writer)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # The client went away or stopped reading, or the server stops.
        finally:
            del self._connections[task]
            with suppress(OSError):
                writer.close()

    async def _converse(
        self, task: asyncio.Task[None], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Request after request of one connection."""
        keep = True
        while keep and not self._stopping:
            self._connections[task] = False
            head_only, refused = False, False
            try:
                request = await protocol.read_head(reader, self._limits.idle, self._limits.timeout)
                if request is None:
                    return
                self._connections[task] = True
                keep, head_only = request.keep, request.method == "HEAD"
                response, refused = await self._answered(request, reader, writer)
            except HTTPError as error:
                response, refused = error_response(error), True
            keep = keep and not refused and not self._stopping
            await protocol.send(writer, response, keep, head_only, self._limits.timeout)
            if refused:
                await protocol.discard(reader, writer, self._limits.linger)

    async def _answered(
        self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> tuple[Response, bool]:
        """The response, and whether a body was left unread, after which a connection cannot go on."""
        body_read = False
        try:
            if request.path == "/v1/predict":
                self._check_predict(request)
                self._waiting += 1
                self._waiting_bytes += request.length
                try:
                    body = await protocol.read_body(reader, writer, request, self._limits.timeout)
                    body_read = True
                    return await self._predict(request, body), False
                finally:
                    self._waiting -= 1
                    self._waiting_bytes -= request.length
            return self._static(request), request.length > 0
        except HTTPError as error:
            return error_response(error), request.length > 0 and not body_read
        except (asyncio.IncompleteReadError, OSError):
            raise
        except Exception:  # One request must not end the server.
            _log.exception("%s %s failed", request.method, request.path)
            return error_response(HTTPError(500, "the server failed; its log says why")), not body_read

    def _static(self, request: Request) -> Response:
        known = request.path in self._page or request.path in self._json or request.path == "/healthz"
        if not known:
            raise HTTPError(404, f"there is nothing at {request.path}; /docs tells what there is")
        if request.method not in _METHODS:
            allow = {"Allow": ", ".join(_METHODS)}
            raise HTTPError(405, f"{request.path} takes GET, not {request.method}", allow)
        if request.path == "/healthz":
            return json_response({"status": "ok", "version": __version__, "waiting": self._waiting})
        if request.path in self._json:
            return self._json[request.path]
        file = self._page[request.path]
        if isinstance(file, bytes):
            return Response(200, file, TYPES[".json"], {"Cache-Control": "no-cache"})
        status = file.stat()
        headers = {"Cache-Control": "no-cache", "ETag": f'"{status.st_size:x}-{status.st_mtime_ns:x}"'}
        kind = TYPES.get(file.suffix, TYPES[".txt"])
        if request.headers.get("if-none-match") == headers["ETag"]:
            return Response(304, b"", kind, headers)
        return Response(200, file, kind, headers)

    def _check_predict(self, request: Request) -> None:
        """Everything that can be refused before the body is read."""
        limits = self._limits
        if request.method != "POST":
            raise HTTPError(405, f"/v1/predict takes POST, not {request.method}", {"Allow": "POST"})
        unknown = sorted(set(request.query) - {"cropped", "model"})
        if unknown:
            raise HTTPError(400, f"there is no parameter {unknown[0]!r}; cropped and model are the two")
        if request.query.get("cropped", "false") not in ("true", "false"):
            raise HTTPError(400, "cropped must be true or false")
        if "content-length" not in request.headers:
            raise HTTPError(411, "send a picture, with its Content-Length")
        if request.length > limits.body_bytes:
            raise HTTPError(413, f"the body has more than {limits.body_bytes} bytes; shrink the picture")
        kind = request.headers.get("content-type", "application/octet-stream").partition(";")[0].strip().lower()
        if not kind.startswith("image/") and kind not in ("application/octet-stream", "multipart/form-data"):
            raise HTTPError(415, f"{kind} is no picture; send it as image/jpeg, image/png, … or multipart/form-data")
        if request.headers.get("content-encoding", "identity").lower() != "identity":
            raise HTTPError(415, "send the picture without a Content-Encoding")
        if self._waiting >= limits.waiting or self._waiting_bytes + request.length > limits.waiting_bytes:
            raise HTTPError(503, "too many pictures are waiting; try again in a moment", _BUSY)

    async def _predict(self, request: Request, body: bytes) -> Response:
        kind = request.headers.get("content-type", "")
        if kind.lower().startswith("multipart/form-data"):
            body = image_part(body, kind)
        cropped = request.query.get("cropped") == "true"
        try:
            async with asyncio.timeout(self._limits.timeout):
                return json_response(await self._service.predict(body, request.query.get("model"), cropped))
        except TimeoutError:
            text = f"no answer within {self._limits.timeout:g} seconds; try again in a moment"
            raise HTTPError(503, text, _BUSY) from None


async def until_signal() -> None:
    """Return at Ctrl-C or SIGTERM."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError):  # On Windows Ctrl-C raises KeyboardInterrupt instead.
            loop.add_signal_handler(number, stop.set)
    await stop.wait()
