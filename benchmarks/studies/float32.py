"""The float32 file of a model of the zoo; one that is too large to ship is converted from the Keras original."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fer_zoo.backend import select_backend
from fer_zoo.console import progress
from fer_zoo.errors import UsageError
from fer_zoo.packages import require
from fer_zoo.zoo import artifacts_dir, find_artifact, load_manifest, local_path, original_path

from .. import EXPORT, export_module


@contextmanager
def float32_file(model: str, format: str = "onnx") -> Iterator[Path]:
    """The float32 file of a model of the zoo, while the context lasts.

    Args:
        model: Its name.
        format: `onnx` or `tflite`.

    Raises:
        UsageError: There is no such model; or the file has to be made, and the packages for it or the Keras original
            are missing.
    """
    path = local_path(find_artifact(f"{model}:{format}:fp32", load_manifest(absent=True)), artifacts_dir())
    if path.is_file():
        yield path
        return
    original = original_path(model, absent=True)
    if original is None or not original.is_file():
        raise UsageError(f"{path} does not ship; make it with `{EXPORT} {model}`")
    require("tensorflow", "tf2onnx", "onnx", "flatbuffers")
    with tempfile.TemporaryDirectory() as folder:
        converted = Path(folder) / model / path.name
        converted.parent.mkdir()
        with progress() as bar:
            bar.add_task(f"converting {original.name} of {model}, whose {path.name} does not ship", total=None)
            _convert(original, converted)
        yield converted


def _convert(original: Path, path: Path) -> None:
    """Write the Keras model as the float32 file that `export` writes of it."""
    select_backend("tensorflow")
    import keras

    folded = export_module("folding").fold(keras.models.load_model(original, compile=False))
    if path.suffix == ".onnx":
        export_module("convert").to_onnx(folded, path)
    else:
        export_module("tflite").to_tflite(folded, path)
