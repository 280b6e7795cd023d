"""The converters, each with the backend that Keras needs for it."""

from __future__ import annotations

from dataclasses import dataclass

from fer_zoo.packages import missing_modules

from ... import export_module


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
        return missing_modules(*self.packages)


_export = export_module("keras_original")

# Those of `python -m export`, and one that it does not use.
CONVERTERS = (
    *(Converter(name, _export.BACKENDS[name], packages) for name, packages in _export.CONVERTERS.items()),
    Converter("jax2onnx", "jax", ("jax", "jax2onnx")),
)
