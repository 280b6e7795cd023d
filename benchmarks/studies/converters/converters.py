"""The converters, each with the backend that Keras needs for it."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass


@dataclass(frozen=True)
class Converter:
    """One converter.

    Attributes:
        name: Name of the converter.
        backend: Keras's backend.
        packages: Modules that it needs.
    """

    name: str
    backend: str
    packages: tuple[str, ...]

    def missing(self) -> list[str]:
        """The modules that are not installed."""
        return [package for package in self.packages if importlib.util.find_spec(package) is None]


CONVERTERS = (
    Converter("tf2onnx", "tensorflow", ("tensorflow", "tf2onnx")),
    Converter("torch", "torch", ("torch", "onnxscript")),
    Converter("jax2onnx", "jax", ("jax", "jax2onnx")),
)
