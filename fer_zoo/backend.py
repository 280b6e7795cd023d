"""Choosing the Keras backend, which must happen before Keras is imported."""

from __future__ import annotations

import importlib.util
import os
import sys

from fer_zoo.console import native_messages_dropped
from fer_zoo.errors import UsageError
from fer_zoo.packages import not_installed

BACKENDS = ("tensorflow", "jax", "torch")


def installed_backends() -> list[str]:
    """The backends whose package can be imported, found without importing it."""
    return [name for name in BACKENDS if importlib.util.find_spec(name)]


def require_backends(*names: str) -> list[str]:
    """`names`, or without any all installed backends.

    Raises:
        UsageError: One of them, or any backend at all, is not installed.
    """
    installed = installed_backends()
    if not installed or importlib.util.find_spec("keras") is None:
        raise UsageError("no Keras backend is installed; run `pip install 'fer-zoo[tensorflow]'` (or [jax], [torch])")
    if missing := [name for name in names if name not in installed]:
        raise not_installed(*missing)
    return list(names) or installed


def select_backend(name: str | None = None) -> str:
    """Fix the Keras backend of this process: `name`, else the one Keras runs on, `KERAS_BACKEND`, the first installed.

    Returns:
        The backend's name.

    Raises:
        UsageError: The backend is unknown or not installed, or Keras already runs on another one.
    """
    if name is None and sys.modules.get("keras"):
        import keras

        name = keras.backend.backend()
    name = name or os.environ.get("KERAS_BACKEND") or require_backends()[0]
    if name not in BACKENDS:
        raise UsageError(f"unknown backend {name!r}; choose one of {', '.join(BACKENDS)}")
    require_backends(name)
    if "keras" in sys.modules:
        import keras

        if keras.backend.backend() != name:
            raise UsageError(f"Keras already runs on {keras.backend.backend()}; start a new process for {name}")
    os.environ["KERAS_BACKEND"] = name
    if name == "tensorflow" and "tensorflow" not in sys.modules:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        # Its C++ code greets before its log level applies.
        with native_messages_dropped():
            import tensorflow
        # It warns of tracing anew wherever a process runs several models.
        tensorflow.get_logger().setLevel("ERROR")
    return name
