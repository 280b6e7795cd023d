"""The process that runs one model file for `isolation.Isolated`, within limits that it cannot lift again."""

from __future__ import annotations

import json
import signal
import socket
import struct
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from fer_zoo.errors import FerZooError, UsageError

# A message is the lengths of its two parts, JSON, and the bytes of an array.
_LENGTHS = struct.Struct("!II")
_LARGEST = 1 << 30
# Seconds after which the process ends itself, beyond those that the other end waits.
_SPARE = 5


def send(connection: socket.socket, header: dict[str, Any], array: np.ndarray | None = None) -> None:
    """Send a message; an array is float32 of any shape."""
    if array is not None:
        header = header | {"shape": array.shape}
    text, data = json.dumps(header).encode(), b"" if array is None else array.tobytes()
    connection.sendall(_LENGTHS.pack(len(text), len(data)) + text + data)


def receive(connection: socket.socket, seconds: float | None = None) -> tuple[dict[str, Any], np.ndarray]:
    """A message that `send` sent: JSON, and an array, which is empty where none was sent.

    Args:
        connection: From which it comes.
        seconds: To wait for the whole message; `None` is for ever.

    Raises:
        TimeoutError: It did not come in time.
        EOFError: The other end has closed.
        ValueError: It is no message.
    """
    end = None if seconds is None else time.monotonic() + seconds
    lengths = _LENGTHS.unpack(_receive_bytes(connection, _LENGTHS.size, end))
    if max(lengths) > _LARGEST:
        raise ValueError("it is too long")
    text, data = (_receive_bytes(connection, length, end) for length in lengths)
    header = json.loads(text)
    array = np.frombuffer(data, np.float32)
    return header, array.reshape(header["shape"]) if data else array


def _receive_bytes(connection: socket.socket, count: int, end: float | None) -> bytearray:
    content = bytearray(count)
    view = memoryview(content)
    while view:
        if end is not None:
            connection.settimeout(max(end - time.monotonic(), 0.001))
        received = connection.recv_into(view)
        if not received:
            raise EOFError
        view = view[received:]
    return content


def work(descriptor: int, memory: int, path: str, threads: int, backend: str | None, runtime: str | None) -> None:
    """Load the model at the first message and answer each, until the other end closes.

    Args:
        descriptor: Of a socket.
        memory: Bytes that this process may have of its own.
        path: The model file; the rest is as in `runtimes.open_runtime`.
        threads: The same.
        backend: The same.
        runtime: The same.
    """
    # Ctrl-C goes to all processes of a terminal; the other end then ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _limit(memory)
    connection = socket.socket(fileno=descriptor)
    with suppress(EOFError, OSError):
        model: Any = None
        while True:
            header, batch = receive(connection)
            # Should the other end be gone, nobody else would end a model that hangs.
            signal.alarm(int(header["seconds"]) + _SPARE)
            values = None
            try:
                if header["do"] == "load":
                    from fer_zoo.inference.runtimes import open_runtime

                    model = open_runtime(Path(path), threads, backend, runtime)
                    answer = _facts(model)
                else:
                    answer, values = {}, np.asarray(getattr(model, header["do"])(batch), np.float32)
            except BaseException as error:  # Each runtime has exceptions of its own.
                answer = {"error": str(error) or type(error).__name__, "kind": _kind(error)}
            signal.alarm(0)
            send(connection, answer, values)


def _limit(memory: int) -> None:
    import resource

    # Not the address space: runtimes reserve much of it that they never use.
    for kind, limit in ((resource.RLIMIT_DATA, memory), (resource.RLIMIT_CORE, 0)):
        _, most = resource.getrlimit(kind)
        limit = limit if most == resource.RLIM_INFINITY else min(limit, most)
        resource.setrlimit(kind, (limit, limit))


def _facts(model: Any) -> dict[str, Any]:
    names = ("name", "input_shape", "output_shape", "labels", "prior")
    return {name: getattr(model, name) for name in names} | {"embeds": hasattr(model, "embed")}


def _kind(error: BaseException) -> str:
    """What the other end raises."""
    if isinstance(error, UsageError | FerZooError):
        return "usage" if isinstance(error, UsageError) else "failure"
    text = str(error)
    # ONNX Runtime's and LiteRT's own words.
    out_of_memory = isinstance(error, MemoryError) or "bad_alloc" in text or "llocate" in text
    return "memory" if out_of_memory else "runtime"
