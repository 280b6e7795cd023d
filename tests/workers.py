"""Long-lived processes, one for each Keras backend, that run functions of the tests."""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib.util
import multiprocessing
import os
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, TypeVar
from unittest.mock import patch

import numpy as np
import pytest
from PIL import Image

from fer_zoo.backend import BACKENDS, installed_backends, select_backend

Result = TypeVar("Result")


class Workers:
    """Runs functions on any installed backend: in this process on `own`, in a process for it on each other one.

    Such a process starts when it is first needed and lasts until the tests end.

    Attributes:
        own: The backend of Keras in this process.
    """

    def __init__(self) -> None:
        self.own = os.environ.get("KERAS_BACKEND") or next(iter(installed_backends()), BACKENDS[0])
        self._executors: dict[str, ProcessPoolExecutor] = {}

    def __call__(self, backend: str, function: Callable[..., Result], *arguments: Any, **options: Any) -> Result:
        """What `function(*arguments, **options)` returns or raises on `backend`; skips the test where that is missing.

        The function belongs to a module, and what goes in and comes out can be pickled.
        """
        if backend not in installed_backends():
            pytest.skip(f"{backend} is not installed")
        if backend == self.own:
            _start(backend)
            with _undrawn_plots():
                return function(*arguments, **options)
        if backend not in self._executors:
            context = multiprocessing.get_context("spawn")
            self._executors[backend] = ProcessPoolExecutor(1, context, initializer=_start_process, initargs=(backend,))
        return self._executors[backend].submit(function, *arguments, **options).result()

    def close(self) -> None:
        for executor in self._executors.values():
            executor.shutdown()


def quickest_backend() -> str:
    """The installed backend whose processes start soonest, for tests that start some."""
    return "jax" if "jax" in installed_backends() else next(iter(installed_backends()), BACKENDS[0])


def answers(model: Any, images: np.ndarray) -> np.ndarray:
    """What a Keras model gives in inference, by the quicker way for one call.

    JAX compiles each operation alone unless the whole is compiled; TensorFlow's tracing takes longer than the answer.
    """
    import keras

    if keras.backend.backend() == "tensorflow":
        return model(images, training=False).numpy()
    return model.predict_on_batch(images)


def collect_once() -> None:
    """Leave what has survived a full garbage collection out of later ones, which would look at all of TensorFlow.

    They took an eighth of the tests' time. What becomes garbage later stays in memory, unless no cycle holds it.
    """

    def freeze(phase: str, info: dict[str, int]) -> None:
        if phase == "stop" and info["generation"] == 2:
            gc.freeze()

    gc.callbacks.append(freeze)


def undrawn_plot(figure: object, path: str | Path, **options: object) -> None:
    """In place of `matplotlib.figure.Figure.savefig`: one pixel."""
    Image.new("L", (1, 1)).save(path, "PNG")


def _undrawn_plots() -> AbstractContextManager[object]:
    if importlib.util.find_spec("matplotlib") is None:
        return contextlib.nullcontext()
    return patch("matplotlib.figure.Figure.savefig", undrawn_plot)


def _start_process(backend: str) -> None:
    collect_once()
    atexit.register(os._exit, 0)  # Python takes a second to throw away what these libraries hold.
    if backend == "torch":
        sys.modules["jax"] = None  # type: ignore[assignment]  # Keras would import it, only to look at its version.
    _start(backend)
    _undrawn_plots().__enter__()
    if backend != "tensorflow":
        from keras.src.utils import module_utils

        module_utils.tensorflow._available = False  # Keras would import it, only to compare types with its own.


def _start(backend: str) -> None:
    select_backend(backend)
    if backend == "jax":
        import jax

        # As many as training uses at most, on any machine; refused where JAX runs already.
        with contextlib.suppress(RuntimeError):
            jax.config.update("jax_num_cpu_devices", 8)
        jax.devices()
