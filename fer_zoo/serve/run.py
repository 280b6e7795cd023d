"""Runs the app under uvicorn, in one process or several."""

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
from fer_zoo.serve.connection import Connection, RefusalLog
from fer_zoo.serve.limits import Limits
from fer_zoo.serve.prometheus import FOLDER_VARIABLE

# Connections that the operating system holds before the server accepts them.
BACKLOG = 128
# Open files of a process that are not connections: models, libraries, pipes to other processes.
_OTHER_FILES = 128


def listen(host: str, port: int) -> socket.socket:
    """A listening socket.

    Args:
        host: Name or address.
        port: Port; 0 takes a free one.

    Raises:
        FerZooError: The address is not available.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return socket.create_server(address[:2], family=family, backlog=BACKLOG)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise FerZooError(f"cannot listen on {host}, port {port} ({reason}); choose another one") from error


def config(app: Callable[[], ASGIApp], limits: Limits, workers: int = 1) -> uvicorn.Config:
    """The configuration with which uvicorn runs the app.

    Args:
        app: Function that makes the app; called in each worker process. With several workers it must be picklable.
        limits: Limits for time and for the number of connections.
        workers: Number of processes.
    """
    bounded = replace(limits, connections=_most_connections(limits))
    return uvicorn.Config(
        app,
        factory=True,
        http=functools.partial(Connection, limits=bounded, refusal_log=RefusalLog()),  # type: ignore[arg-type]
        loop="asyncio",
        ws="none",
        lifespan="on",
        # Without this, asyncio logs a line for each client that sends no HTTP, or does not wait for its response.
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
    """Serve until Ctrl-C or SIGTERM; running requests are finished first.

    Args:
        app: Function that makes the app.
        limits: Limits for time and for the number of connections.
        listening: The listening socket.
        workers: Number of processes.
        ready: Called when the server accepts requests.
    """
    if workers > 1:
        with tempfile.TemporaryDirectory() as folder:
            # The workers inherit it.
            os.environ[FOLDER_VARIABLE] = folder
            ready()
            Multiprocess(config(app, limits, workers), [listening]).run()
        return
    settings = config(app, limits)
    settings.load()
    ready()
    # Uvicorn raises again the signal that stopped it.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit(0))
    uvicorn.Server(settings).run([listening])


def _most_connections(limits: Limits) -> int:
    """The most connections for which a process has enough file descriptors, even if it accepts all waiting ones at
    once."""
    try:
        import resource
    except ImportError:  # Windows
        return limits.connections
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(1, min(limits.connections, files - BACKLOG - _OTHER_FILES))
