"""Run images through one runtime: `PYTHON -P call.py REQUEST.json`, which names the files that are read and written.

Images and probabilities are raw float32. Times, memory and errors are printed as one JSON object. Times are the
processor's: a process has one core, where they are those of a clock, unless other programs want that core too.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

Call = Callable[[np.ndarray], np.ndarray]

_BATCH = 8
_ROUNDS = 10


def main(request: dict[str, Any]) -> dict[str, Any]:
    if request["core"] is not None:
        os.sched_setaffinity(0, {request["core"]})
    runner = _module(request["runner"])
    if hasattr(runner, "inspect"):
        return runner.inspect(request["model"])
    images = np.fromfile(request["images"], np.float32).reshape(-1, 48, 48, 1)
    before, started = _peak_memory(), _processor_seconds()
    call = runner.load(request["model"])
    # Some runtimes compile the model at the first call.
    call(images[:1])
    facts: dict[str, Any] = {"load_ms": 1000 * (_processor_seconds() - started)}
    single = _predict(call, images[: request["single_images"]], 1, request["seconds"])
    single.tofile(request["single"])
    if getattr(runner, "BATCHES", True):
        try:
            _predict(call, images, _BATCH, request["batch_seconds"]).tofile(request["batched"])
        except Exception as error:
            facts["batch_error"] = _sentence(error)
    facts["memory_bytes"] = _peak_memory() - before
    facts |= runner.facts(request["model"]) if hasattr(runner, "facts") else {}
    if request["reference"] and (own := _module(request["reference"]).load(request["reference_model"])):
        facts["relative_latency"] = _relative_latency(call, own, images, request["timed_seconds"])
    return facts


def _predict(call: Call, images: np.ndarray, batch: int, seconds: float) -> np.ndarray:
    """The probabilities of as many images as the runtime predicts in `seconds`, in batches."""
    started, parts = time.process_time(), []
    for start in range(0, len(images), batch):
        output = np.array(call(images[start : start + batch]), np.float32)
        if output.ndim != 2 or len(output) != len(images[start : start + batch]):
            raise ValueError(f"{len(images[start : start + batch])} images got an output of shape {output.shape}")
        parts.append(output)
        if time.process_time() - started > seconds:
            break
    return np.concatenate(parts)


def _relative_latency(call: Call, reference: Call, images: np.ndarray, seconds: float) -> float:
    """The median time of one image over that of the reference, timed in turns."""
    times: dict[Call, list[float]] = {call: [], reference: []}
    for _ in range(_ROUNDS):
        for timed, samples in times.items():
            timed(images[:1])
            end = time.process_time() + seconds / _ROUNDS / 2
            while not samples or time.process_time() < end:
                started = time.process_time()
                timed(images[len(samples) % len(images)][None])
                samples.append(time.process_time() - started)
    return float(np.median(times[call]) / np.median(times[reference]))


def _module(path: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"runner_{Path(path).stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _processor_seconds() -> float:
    """The processor's time of this process and of the programs that it has run, such as converters."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def _peak_memory() -> int:
    """Peak memory of the process in bytes. Linux's ru_maxrss begins with that of the program that started it."""
    status = Path("/proc/self/status")
    if status.exists() and (found := re.search(r"VmHWM:\s+(\d+) kB", status.read_text("utf-8"))):
        return int(found[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _sentence(error: Exception) -> str:
    lines = [line.strip() for line in f"{type(error).__name__}: {error}".splitlines() if line.strip()]
    return " ".join(lines)[:300]


if __name__ == "__main__":
    # Libraries print to stdout, too: their output goes to stderr, so that stdout has only the JSON.
    stdout = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    try:
        facts = main(json.loads(Path(sys.argv[1]).read_text("utf-8")))
    except Exception as error:
        facts = {"error": _sentence(error)}
    print(json.dumps(facts), file=stdout, flush=True)
    # Exit without waiting for threads that a runtime has left running.
    os._exit(0)
