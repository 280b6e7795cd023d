"""Runs a model file in a child process, for files that are not trusted.

If native code crashes, hangs or takes too much memory there, the child process ends and this process raises an error of
one sentence. It is no sandbox: the child process may read and write whatever its user may.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fer_zoo.errors import FerZooError, UsageError
from fer_zoo.inference.isolated_process import receive, send

# Seconds for one load, libraries included, and for one call of the runtime.
LOAD_SECONDS, CALL_SECONDS = 60.0, 60.0
# Bytes of its own that the process may have (RLIMIT_DATA, which Linux enforces). The zoo's ONNX and TFLite models take
# up to 0.45 GB with 256 faces in one call, Keras with its backend 1.2 GB on two cores and more on many.
MEMORY, KERAS_MEMORY = 2 << 30, 4 << 30

_START = (
    "import json, sys; *arguments, sys.path[:] = json.loads(sys.argv[1]); "
    "from fer_zoo.inference.isolated_process import work; work(*arguments)"
)


class Isolated:
    """Like the classes in `runtimes`, with the model in a process of its own. Threads take turns.

    A process that has ended is started again by the next call.

    Args:
        path: The model file.
        threads: CPU threads, as `runtimes.open_runtime` takes them.
        backend: Keras backend, as `runtimes.open_runtime` takes it.
        runtime: Runtime, as `runtimes.open_runtime` takes it.

    Attributes:
        embeds: Whether the runtime can give features.

    Raises:
        UsageError: This system cannot start such a process, or `open_runtime` raised it.
        FerZooError: The process has ended, took too long or needs too much memory, or the file is not a model.
    """

    def __init__(self, path: Path, threads: int, backend: str | None = None, runtime: str | None = None) -> None:
        if os.name != "posix":
            raise UsageError("isolated models need Linux or macOS")
        self._memory = KERAS_MEMORY if path.suffix == ".keras" else MEMORY
        self._arguments = self._memory, str(path.absolute()), threads, backend, runtime
        self._lock = threading.Lock()
        metadata = self._load()
        try:
            self.name = str(metadata["name"])
            self.input_shape = tuple(metadata["input_shape"])
            self.output_shape = tuple(metadata["output_shape"])
            self.labels = None if metadata["labels"] is None else tuple(metadata["labels"])
            self.prior = None if metadata["prior"] is None else tuple(metadata["prior"])
            self.batch_size = int(metadata["batch_size"])
            self.embeds = bool(metadata["embeds"])
        except (KeyError, TypeError) as error:
            raise FerZooError("the reply of its process cannot be read") from error

    def run(self, batch: np.ndarray) -> np.ndarray:
        return self._call("run", batch)

    def embed(self, batch: np.ndarray) -> np.ndarray:
        return self._call("embed", batch)

    def close(self) -> None:
        """End the process; a call that runs in another thread fails."""
        self._end_child()

    def _call(self, method: str, batch: np.ndarray) -> np.ndarray:
        with self._lock:
            if self._child.process.poll() is not None:
                self._load()
            return self._exchange(method, CALL_SECONDS, batch)[1]

    def _load(self) -> dict[str, Any]:
        """Start a child process and return the metadata of the model that it loaded."""
        ours, theirs = socket.socketpair()
        with theirs:
            arguments = json.dumps([theirs.fileno(), *self._arguments, sys.path])
            process = subprocess.Popen(
                # It gets this process's sys.path; modules in the current folder are not imported.
                [sys.executable, "-I", "-c", _START, arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )
        self._child = _Child(process, ours)
        self._end_child = weakref.finalize(self, self._child.end)
        return self._exchange("load", LOAD_SECONDS)[0]

    def _exchange(self, do: str, seconds: float, batch: np.ndarray | None = None) -> tuple[dict[str, Any], np.ndarray]:
        """Send a request to the child process; returns the JSON and the array of its reply."""
        child = self._child
        try:
            child.connection.settimeout(seconds)
            send(child.connection, {"do": do, "seconds": seconds}, batch)
            header, array = receive(child.connection, seconds)
        except TimeoutError as error:
            self._end_child()
            raise FerZooError(f"it took more than {seconds:g} seconds") from error
        except (EOFError, OSError) as error:
            self._end_child()
            raise FerZooError(f"it ended its process ({_reason(child.process.returncode)})") from error
        except (ValueError, TypeError, KeyError) as error:
            self._end_child()
            raise FerZooError("the reply of its process cannot be read") from error
        except BaseException:  # The next call would receive the reply of an interrupted one.
            self._end_child()
            raise
        if "error" not in header:
            return header, array
        text, kind = str(header["error"]), header.get("kind")
        if kind == "memory":
            self._end_child()
            raise FerZooError(f"it needs more than {self._memory / 2**30:g} GiB of memory")
        if kind in ("usage", "failure"):
            raise UsageError(text) if kind == "usage" else FerZooError(text)
        raise RuntimeError(text)


@dataclass(frozen=True)
class _Child:
    process: subprocess.Popen[bytes]
    connection: socket.socket

    def end(self) -> None:
        """Kill the process, unless it is just ending by itself: then its exit code says why."""
        try:
            self.process.wait(2 if self._closed() else 0)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.connection.close()

    def _closed(self) -> bool:
        """Whether the process has closed its end of the connection, so it is about to exit."""
        try:
            self.connection.setblocking(False)
            return not self.connection.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError:
            return True


def _reason(code: int | None) -> str:
    if code is not None and code < 0:
        try:
            return signal.Signals(-code).name
        except ValueError:
            return f"signal {-code}"
    return f"exit code {code}"
