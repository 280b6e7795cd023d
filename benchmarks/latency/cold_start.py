"""The first prediction of a fresh process, and the memory it took.

`python -m benchmarks.latency.cold_start MODEL THREADS LAUNCHED [PEER]` reads one gray face of 48 by 48 pixels (2,304
bytes) from stdin and prints JSON. LAUNCHED is the parent's `time.monotonic_ns()` just before it started this process;
PEER is the name of the published model whose file MODEL is.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from fer_zoo.errors import FerZooError

_STARTED = time.monotonic_ns()


def main(model: str, threads: int, launched: int, peer: str | None = None) -> None:
    import numpy as np

    load = _peer_loader(peer) if peer else _own_loader()
    imported = time.monotonic_ns()
    classifier = load(Path(model), threads)
    loaded = time.monotonic_ns()
    classifier.predict_proba(np.frombuffer(sys.stdin.buffer.read(), np.uint8).reshape(1, 48, 48))
    predicted = time.monotonic_ns()
    times = {
        "cold_start_ms": predicted - launched,
        "python_ms": _STARTED - launched,
        "import_ms": imported - _STARTED,
        "load_ms": loaded - imported,
        "answer_ms": predicted - loaded,
    }
    print(json.dumps({name: value / 1e6 for name, value in times.items()} | {"peak_memory_bytes": peak_memory_bytes()}))


def _own_loader() -> Callable[[Path, int], Any]:
    from fer_zoo.inference import load_classifier

    return lambda path, threads: load_classifier(path, threads=threads)


def _peer_loader(name: str) -> Callable[[Path, int], Any]:
    from ..peers.catalogue import PEERS
    from ..peers.peer_classifier import PeerClassifier

    return partial(PeerClassifier, next(peer for peer in PEERS if peer.name == name))


def peak_memory_bytes() -> int | None:
    """The largest resident memory that this process has had; `None` if the system does not report it."""
    status = Path("/proc/self/status")
    if status.exists():
        # On Linux ru_maxrss is inherited across exec: a child would report the memory of its large parent.
        line = next(line for line in status.read_text("utf-8").splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    try:
        import resource
    except ImportError:
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    try:
        main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), *sys.argv[4:])
    except FerZooError as error:
        sys.exit(str(error))
