"""The first answer of a fresh process, and the memory it took.

`python -m benchmarks.latency.cold_start MODEL THREADS LAUNCHED` reads one gray face of 48 by 48 pixels (2,304
bytes) from stdin and prints JSON. LAUNCHED is the parent's `time.monotonic_ns()` just before it started this process.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from fer_zoo.errors import FerZooError

_STARTED = time.monotonic_ns()


def main(model: str, threads: int, launched: int) -> None:
    import numpy as np

    from fer_zoo.inference import load_classifier

    imported = time.monotonic_ns()
    classifier = load_classifier(model, threads=threads)
    loaded = time.monotonic_ns()
    classifier.predict_proba(np.frombuffer(sys.stdin.buffer.read(), np.uint8).reshape(48, 48))
    answered = time.monotonic_ns()
    print_times(launched, _STARTED, imported, loaded, answered)


def print_times(launched: int, started: int, imported: int, loaded: int, answered: int) -> None:
    """Print the milliseconds between these moments, given in nanoseconds, and the peak memory, as JSON."""
    times = {
        "cold_start_ms": answered - launched,
        "python_ms": started - launched,
        "import_ms": imported - started,
        "load_ms": loaded - imported,
        "answer_ms": answered - loaded,
    }
    print(json.dumps({name: value / 1e6 for name, value in times.items()} | {"peak_memory_bytes": peak_memory_bytes()}))


def peak_memory_bytes() -> int | None:
    """The largest resident memory this process ever had, `None` where the system does not tell."""
    status = Path("/proc/self/status")
    if status.exists():
        # Linux lets ru_maxrss survive exec, so that a child would report the memory of its large parent.
        line = next(line for line in status.read_text("utf-8").splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    try:
        import resource
    except ImportError:
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    try:
        main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
    except FerZooError as error:
        sys.exit(str(error))
