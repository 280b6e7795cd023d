"""Error responses for requests that fail inside the server, or that are interrupted when it stops."""

from __future__ import annotations

import asyncio
import logging

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fer_zoo.errors import FerZooError
from fer_zoo.serve.request_records import CLIENT_CLOSED_REQUEST
from fer_zoo.serve.responses import refusal

_log = logging.getLogger(__name__)


class ErrorResponses:
    """ASGI middleware: responds with 500 to a failure, which is logged, and with 503 if the server is stopping."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def send_and_mark(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, send_and_mark)
        except asyncio.CancelledError:
            if started or scope["type"] != "http":
                raise
            response = refusal(503, "the server is stopping; try again in a moment", {"Retry-After": "1"})
        except ClientDisconnect:
            response = refusal(CLIENT_CLOSED_REQUEST, "the client went away while it sent its request")
        except Exception as error:  # One request must not end the server.
            if started or scope["type"] != "http":
                raise
            if isinstance(error, FerZooError):  # Its message needs no traceback, such as that of a model that failed.
                _log.error("%s %s failed: %s", scope["method"], scope["path"], error)
            else:
                _log.exception("%s %s failed", scope["method"], scope["path"])
            response = refusal(500, "the server failed; its log says why")
        else:
            return
        response.headers["Connection"] = "close"
        await response(scope, receive, send)
