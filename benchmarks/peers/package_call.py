"""Run a PyPI package of a peer through its own public call: `PYTHON package_call.py fer|facex FACES.npy`.

Stands alone (NumPy and the package only), so that it runs in an environment of the package's own. It reads one JSON
object a line from stdin and replies to each with one on stdout: `{"queries": …, "seconds": …, "settle_seconds": …}`
gets the nanoseconds of each query, `{"predict": true}` the class of each face.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Call = Callable[[np.ndarray], dict[str, float]]


def _fer() -> tuple[Call, str]:
    from fer.fer import FER

    detector = FER()
    return (
        lambda face: detector.detect_emotions(face, face_rectangles=[(0, 0, 48, 48)])[0]["emotions"],
        "FER().detect_emotions(image, face_rectangles=[box])",
    )


def _facex() -> tuple[Call, str]:
    import facex

    model = Path(facex.__file__).parent / "assets" / "model_optimized.tflite"
    classifier = facex.EmotionClassifier(str(model))
    return lambda face: classifier.detect_emotion(face[..., 0]), "EmotionClassifier(model).detect_emotion(face)"


def main(package: str, faces: str) -> None:
    # Libraries print to stdout, too; their output must not be mixed with the responses.
    responses = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    call, words = {"fer": _fer, "facex": _facex}[package]()
    images = [np.repeat(face[..., None], 3, axis=2) for face in np.load(faces)]
    call(images[0])
    memory = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    ready = {"version": importlib.metadata.version(package), "call": words}
    print(json.dumps(ready | {"peak_memory_bytes": int(memory.split()[1]) * 1024}), file=responses, flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        response: Any = [max(s, key=s.__getitem__) for s in map(call, images)] if "predict" in request else None
        print(json.dumps(response or _time(call, images, **request)), file=responses, flush=True)


def _time(call: Call, images: list[np.ndarray], queries: int, seconds: float, settle_seconds: float) -> list[int]:
    clock = time.perf_counter_ns
    samples: list[int] = []
    end = clock() + int(settle_seconds * 1e9)
    while clock() < end:
        call(images[0])
    while not samples or (len(samples) < queries and sum(samples) < seconds * 1e9):
        face = images[len(samples) % len(images)]
        start = clock()
        call(face)
        samples.append(clock() - start)
    return samples


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
