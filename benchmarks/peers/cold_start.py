"""The first answer of a peer in a fresh process, as `benchmarks.latency.cold_start` measures it of ours.

`python -m benchmarks.peers.cold_start NAME MODEL THREADS LAUNCHED` reads one gray face of 48 by 48 pixels (2,304 bytes)
from stdin and prints JSON; MODEL is a `.tflite` or `.onnx` file of the peer called NAME.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

_STARTED = time.monotonic_ns()


def main(name: str, model: str, threads: int, launched: int) -> None:
    import numpy as np

    from ..latency.cold_start import print_times
    from .catalogue import PEERS
    from .classifier import PeerClassifier

    imported = time.monotonic_ns()
    classifier = PeerClassifier(next(peer for peer in PEERS if peer.name == name), Path(model), threads)
    loaded = time.monotonic_ns()
    classifier.predict_proba(np.frombuffer(sys.stdin.buffer.read(), np.uint8).reshape(1, 48, 48))
    answered = time.monotonic_ns()
    print_times(launched, _STARTED, imported, loaded, answered)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
