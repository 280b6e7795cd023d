"""The app under uvicorn, in one process or several."""

from __future__ import annotations

import functools
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.supervisors import Multiprocess

from fer_zoo.errors import FerZooError
from fer_zoo.serve import metrics
from fer_zoo.serve.connection import Connection, RefusalLog
from fer_zoo.serve.limits import Limits

# Connections that the system completes before the server has taken them.
BACKLOG = 128
# Files of a process that are no connections: models, libraries, pipes to other processes.
_OTHER_FILES = 128


def listen(host: str, port: int) -> socket.socket:
    """A listening socket.

    Args:
        host: Name or address.
        port: 0 takes a free one.

    Raises:
        FerZooError: The address cannot be had.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return socket.create_server(address[:2], family=family, backlog=BACKLOG)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise FerZooError(f"cannot listen on {host}, port {port} ({reason}); choose another one") from error


def config(app: Callable[[], ASGIApp], limits: Limits, workers: int = 1) -> uvicorn.Config:
    """How uvicorn runs the app.

    Args:
        app: Makes it; called in each worker, so it can be pickled where there are several.
        limits: Of time, and of connections.
        workers: Processes.
    """
    bounded = replace(limits, connections=_most_connections(limits))
    return uvicorn.Config(
        app,
        factory=True,
        http=functools.partial(Connection, limits=bounded, refusal_log=RefusalLog()),  # type: ignore[arg-type]
        loop="asyncio",
        ws="none",
        lifespan="on",
        # Not a line for each client that speaks no HTTP, or that does not wait for its answer.
        log_config={"version": 1, "disable_existing_loggers": False, "loggers": {"asyncio": {"level": "ERROR"}}},
        log_level="error",
        access_log=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=limits.idle,  # type: ignore[arg-type]
        timeout_graceful_shutdown=limits.grace,  # type: ignore[arg-type]
        workers=workers,
    )


def run(
    app: Callable[[], ASGIApp], limits: Limits, listening: socket.socket, workers: int, ready: Callable[[], Any]
) -> None:
    """Serve until Ctrl-C or SIGTERM; requests that run then are answered first.

    Args:
        app: Makes the app.
        limits: Of time, and of connections.
        listening: Where.
        workers: Processes.
        ready: Called when requests are taken.
    """
    if workers > 1:
        with tempfile.TemporaryDirectory() as folder:
            # The workers inherit it.
            os.environ[metrics.FOLDER_VARIABLE] = folder
            ready()
            Multiprocess(config(app, limits, workers), [listening]).run()
        return
    settings = config(app, limits)
    settings.load()
    ready()
    # Uvicorn raises the signal again that has ended it.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit(0))
    uvicorn.Server(settings).run([listening])


def _most_connections(limits: Limits) -> int:
    """So many that the files of a process are enough for them, where all that wait are taken at once."""
    try:
        import resource
    except ImportError:  # Windows
        return limits.connections
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(1, min(limits.connections, files - BACKLOG - _OTHER_FILES))
