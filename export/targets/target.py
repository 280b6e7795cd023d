"""The description of a runtime that files are exported for, and the model that they are made from.

Modules of runtimes import Keras inside of functions, since its backend is chosen after these modules are imported.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fer_zoo.errors import UsageError

if TYPE_CHECKING:
    import keras

# Images, float32 `[n, 48, 48, 1]` in 0..255, to probabilities, float32 `[n, classes]`.
Predict = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Source:
    """The model that files are made from.

    Attributes:
        model: The Keras original after `fold`.
        metadata: The metadata of the files: `make.facts_of`.
        precision: `fp32`, `fp16` or `int8`.
        images: Calibration images, float32 `[n, 48, 48, 1]` in 0..255.
        folder: An empty folder for intermediate files.
    """

    model: keras.Model
    metadata: dict[str, Any]
    precision: str
    images: np.ndarray
    folder: Path

    @property
    def labels(self) -> list[str]:
        return self.metadata["labels"]

    @cached_property
    def onnx(self) -> Path:
        """The model as ONNX, in int8 where that is the precision, else in float32."""
        from ..convert import to_onnx
        from ..quantization import prepare
        from ..quantize import onnx_int8

        path = self.folder / "model.onnx"
        if self.precision == "int8":
            onnx_int8(prepare(self.model, self.images), path, self.images)
        else:
            to_onnx(self.model, path)
        return path


@dataclass(frozen=True)
class Target:
    """A runtime.

    Attributes:
        name: Value of `--target`.
        title: Name as its makers write it.
        packages: Modules that write and read its files; `install` has the names that pip installs them by.
        install: Arguments of `pip install`.
        precisions: The precisions that files can have, the default first.
        converter: The converter to ONNX whose Keras backend it needs; `None` if any will do.
        file: The file with the weights, whose size is reported.
        input: Name, shape, dtype, range and layout of the files' input.
        write: Writes the files into a folder.
        load: Loads them from there; `None` if the runtime does not run here.
        check: Compares the files with the model if they cannot be run; returns a sentence on the result.
    """

    name: str
    title: str
    packages: tuple[str, ...]
    install: str
    precisions: tuple[str, ...]
    converter: str | None
    file: str
    input: dict[str, Any]
    write: Callable[[Source, Path], None]
    load: Callable[[Path], Predict] | None = None
    check: Callable[[Source, Path], str] | None = None

    def require(self) -> None:
        """Check that its packages are installed.

        Raises:
            UsageError: Some are missing.
        """
        missing = [package for package in self.packages if importlib.util.find_spec(package) is None]
        if missing:
            verb = "is" if len(missing) == 1 else "are"
            raise UsageError(f"{', '.join(missing)} {verb} not installed; run `pip install {self.install}`")
