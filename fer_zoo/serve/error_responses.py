"""What a request gets that fails inside the server, or that the server's end cuts short."""

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
    """ASGI middleware: 500 for a failure, which is logged, and 503 where the server stops before it has the answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def send_noting(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, send_noting)
        except asyncio.CancelledError:
            if started or scope["type"] != "http":
                raise
            answer = refusal(503, "the server is stopping; try again in a moment", {"Retry-After": "1"})
        except ClientDisconnect:
            answer = refusal(CLIENT_CLOSED_REQUEST, "the client went away while it sent its request")
        except Exception as error:  # One request must not end the server.
            if started or scope["type"] != "http":
                raise
            if isinstance(error, FerZooError):  # It says all: a model that failed, for one.
                _log.error("%s %s failed: %s", scope["method"], scope["path"], error)
            else:
                _log.exception("%s %s failed", scope["method"], scope["path"])
            answer = refusal(500, "the server failed; its log says why")
        else:
            return
        answer.headers["Connection"] = "close"
        await answer(scope, receive, send)
