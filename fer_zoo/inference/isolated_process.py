"""The child process that runs one model file for `isolation.Isolated`, within limits that it cannot raise again."""

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

# A message consists of the lengths of its two parts, the first part as JSON, and the bytes of an array.
_LENGTHS = struct.Struct("!II")
_MAX_LENGTH = 1 << 30
# The process ends itself so many seconds after the parent process has stopped waiting.
_SPARE_SECONDS = 5


def send(connection: socket.socket, header: dict[str, Any], array: np.ndarray | None = None) -> None:
    """Send a message; an array is float32 of any shape."""
    if array is not None:
        header = header | {"shape": array.shape}
    text, data = json.dumps(header).encode(), b"" if array is None else array.tobytes()
    connection.sendall(_LENGTHS.pack(len(text), len(data)) + text + data)


def receive(connection: socket.socket, seconds: float | None = None) -> tuple[dict[str, Any], np.ndarray]:
    """A message that `send` sent: JSON, and an array, which is empty where none was sent.

    Args:
        connection: Socket to read from.
        seconds: How long to wait for the whole message; `None` waits for ever.

    Raises:
        TimeoutError: The message did not arrive in time.
        EOFError: The other end has closed the connection.
        ValueError: The bytes are not a message.
    """
    end = None if seconds is None else time.monotonic() + seconds
    lengths = _LENGTHS.unpack(_receive_bytes(connection, _LENGTHS.size, end))
    if max(lengths) > _MAX_LENGTH:
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
    """Load the model at the first message and reply to each message, until the parent process closes the connection.

    Args:
        descriptor: File descriptor of the socket to the parent process.
        memory: Limit for the private memory of this process, in bytes.
        path: The model file.
        threads: CPU threads, as `runtimes.open_runtime` takes them.
        backend: Keras backend, as `runtimes.open_runtime` takes it.
        runtime: Runtime, as `runtimes.open_runtime` takes it.
    """
    # Ctrl-C goes to all processes of a terminal; the parent process then ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _limit(memory)
    connection = socket.socket(fileno=descriptor)
    with suppress(EOFError, OSError):
        model: Any = None
        while True:
            header, batch = receive(connection)
            # If the parent process is gone, nothing else would end a model that hangs.
            signal.alarm(int(header["seconds"]) + _SPARE_SECONDS)
            values = None
            try:
                if header["do"] == "load":
                    from fer_zoo.inference.runtimes import open_runtime

                    model = open_runtime(Path(path), threads, backend, runtime)
                    reply = _metadata(model)
                else:
                    reply, values = {}, np.asarray(getattr(model, header["do"])(batch), np.float32)
            except BaseException as error:  # Each runtime has exceptions of its own.
                reply = {"error": str(error) or type(error).__name__, "kind": _kind(error)}
            signal.alarm(0)
            send(connection, reply, values)


def _limit(memory: int) -> None:
    import resource

    # The address space is not limited: runtimes reserve much of it that they never use.
    for kind, limit in ((resource.RLIMIT_DATA, memory), (resource.RLIMIT_CORE, 0)):
        _, most = resource.getrlimit(kind)
        limit = limit if most == resource.RLIM_INFINITY else min(limit, most)
        resource.setrlimit(kind, (limit, limit))


def _metadata(model: Any) -> dict[str, Any]:
    names = ("name", "input_shape", "output_shape", "labels", "prior", "batch_size")
    return {name: getattr(model, name) for name in names} | {"embeds": hasattr(model, "embed")}


def _kind(error: BaseException) -> str:
    """The kind of error, from which the parent process chooses the exception that it raises."""
    if isinstance(error, UsageError | FerZooError):
        return "usage" if isinstance(error, UsageError) else "failure"
    text = str(error)
    # ONNX Runtime and LiteRT report missing memory in these words.
    out_of_memory = isinstance(error, MemoryError) or "bad_alloc" in text or "llocate" in text
    return "memory" if out_of_memory else "runtime"
