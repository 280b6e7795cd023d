"""Facial expression recognition models for any Keras backend, exported for phone, browser and server."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_PUBLIC = {
    "EXPRESSIONS": "fer_zoo.expressions",
    "FaceDetector": "fer_zoo.faces",
    "build_model": "fer_zoo.models",
    "crop_face": "fer_zoo.faces",
    "list_models": "fer_zoo.models",
    "load_classifier": "fer_zoo.inference",
    "load_dataset": "fer_zoo.data",
    "read_photo": "fer_zoo.faces",
}

__all__ = [
    "EXPRESSIONS",
    "FaceDetector",
    "__version__",
    "build_model",
    "crop_face",
    "list_models",
    "load_classifier",
    "load_dataset",
    "read_photo",
]


def __getattr__(name: str) -> Any:
    """Import on first use, so that inference never pays for Keras."""
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'fer_zoo' has no attribute {name!r}")
