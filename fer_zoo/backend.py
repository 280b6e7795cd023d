"""Chooses the Keras backend, which must happen before Keras is imported."""

from __future__ import annotations

import importlib.util
import os
import sys

from fer_zoo.console import native_messages_dropped
from fer_zoo.errors import UsageError
from fer_zoo.packages import not_installed

BACKENDS = ("tensorflow", "jax", "torch")


def installed_backends() -> list[str]:
    """The backends whose packages are installed; the packages are not imported."""
    return [name for name in BACKENDS if importlib.util.find_spec(name)]


def require_backends(*names: str) -> list[str]:
    """The backends in `names`, after checking that they are installed; without names, all installed backends.

    Raises:
        UsageError: One of them is not installed, or there is no backend at all.
    """
    installed = installed_backends()
    if not installed or importlib.util.find_spec("keras") is None:
        raise UsageError("no Keras backend is installed; run `pip install 'fer-zoo[tensorflow]'` (or [jax], [torch])")
    if missing := [name for name in names if name not in installed]:
        raise not_installed(*missing)
    return list(names) or installed


def select_backend(name: str | None = None) -> str:
    """Set the Keras backend of this process.

    It is `name`, else the backend that Keras already runs on, else `KERAS_BACKEND`, else the first one installed.

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
        # TensorFlow's C++ code prints messages before the log level applies.
        with native_messages_dropped():
            import tensorflow
        # TensorFlow warns of repeated tracing if a process runs several models.
        tensorflow.get_logger().setLevel("ERROR")
    return name
