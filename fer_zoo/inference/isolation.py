"""A model file run by a process of its own, for files that are not trusted.

What native code does there (crash, hang, take all memory) ends that process and becomes one sentence here. It is no
sandbox: the process may read and write whatever its user may.
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
    "import json, sys; *given, sys.path[:] = json.loads(sys.argv[1]); "
    "from fer_zoo.inference.isolated_process import work; work(*given)"
)


class Isolated:
    """Like the classes in `runtimes`, with the model in a process of its own. Threads take turns.

    A process that has ended is started again by the next call.

    Args:
        path: The model file.
        threads: Of the runtime; this and the rest are as in `runtimes.open_runtime`.
        backend: The same.
        runtime: The same.

    Attributes:
        embeds: Whether the runtime can give features.

    Raises:
        UsageError: This system cannot start such a process, or as in `open_runtime`.
        FerZooError: The process has ended, took too long or needs too much memory, or the file is not a model.
    """

    def __init__(self, path: Path, threads: int, backend: str | None = None, runtime: str | None = None) -> None:
        if os.name != "posix":
            raise UsageError("isolated models need Linux or macOS")
        self._memory = KERAS_MEMORY if path.suffix == ".keras" else MEMORY
        self._arguments = self._memory, str(path.absolute()), threads, backend, runtime
        self._lock = threading.Lock()
        facts = self._load()
        try:
            self.name = str(facts["name"])
            self.input_shape = tuple(facts["input_shape"])
            self.output_shape = tuple(facts["output_shape"])
            self.labels = None if facts["labels"] is None else tuple(facts["labels"])
            self.prior = None if facts["prior"] is None else tuple(facts["prior"])
            self.embeds = bool(facts["embeds"])
        except (KeyError, TypeError) as error:
            raise FerZooError("its process gave no answer that can be read") from error

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
        """Start a process; what it tells of the model."""
        ours, theirs = socket.socketpair()
        with theirs:
            given = json.dumps([theirs.fileno(), *self._arguments, sys.path])
            process = subprocess.Popen(
                # Its path of modules is ours, whatever lies in the current folder.
                [sys.executable, "-I", "-c", _START, given],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )
        self._child = _Child(process, ours)
        self._end_child = weakref.finalize(self, self._child.end)
        return self._exchange("load", LOAD_SECONDS)[0]

    def _exchange(self, do: str, seconds: float, batch: np.ndarray | None = None) -> tuple[dict[str, Any], np.ndarray]:
        """Have the process do something; the JSON and the array of its answer."""
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
            raise FerZooError("its process gave no answer that can be read") from error
        except BaseException:  # Of an interrupted call, the answer would be taken for that of the next.
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
        """Kill the process, unless it has ended by itself in this moment: then its own exit code says why."""
        try:
            self.process.wait(2 if self._closed() else 0)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.connection.close()

    def _closed(self) -> bool:
        """Whether the process has closed its end, so that it is about to end."""
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
