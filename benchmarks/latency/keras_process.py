"""Runs Keras models in separate processes, so that their thread pools and memory do not disturb other timings."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import numpy as np

from fer_zoo.errors import FerZooError
from fer_zoo.inference import Classifier, load_classifier

from .timing import time_block

_loaded: Classifier | None = None


class KerasProcess:
    """A classifier that lives in another process until `close`.

    Args:
        model: Usually a `.keras` file.
        threads: Threads of the runtime.
        backend: Keras backend of a `.keras` file, `None` as in `load_classifier`.

    Raises:
        FerZooError: The model cannot be loaded.
    """

    def __init__(self, model: Path, threads: int, backend: str | None = None) -> None:
        self._model = model
        self._pool = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), _end_with_parent)
        try:
            self._call(_load, model, threads, backend)
        except BaseException:
            self.close()
            raise

    def predict_proba(self, images: np.ndarray) -> np.ndarray:
        """The probabilities of `images`, float32 `[n, classes]`, as `Classifier.predict_proba` returns them."""
        return self._call(_predict, np.asarray(images))

    def time_block(self, batches: np.ndarray, **limits: Any) -> list[int]:
        """Time consecutive queries, in nanoseconds, as `time_block` does."""
        return self._call(_time, batches, limits)

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)

    def _call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return self._pool.submit(function, *arguments).result()
        except BrokenProcessPool as error:
            raise FerZooError(f"the process that ran {self._model} ended; is there enough memory?") from error


def _end_with_parent() -> None:
    """End this process when its parent is killed, which cannot close its pool; otherwise it would wait forever."""
    parent = multiprocessing.parent_process()

    def wait() -> None:
        if parent:
            parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def _load(model: Path, threads: int, backend: str | None) -> None:
    global _loaded
    _loaded = load_classifier(model, threads=threads, backend=backend)


def _predict(images: np.ndarray) -> np.ndarray:
    assert _loaded is not None
    return _loaded.predict_proba(images)


def _time(batches: np.ndarray, limits: dict[str, Any]) -> list[int]:
    assert _loaded is not None
    return time_block(_loaded.run, batches, **limits)
