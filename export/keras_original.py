"""Finds the Keras original for a name or a path, and the installed converter to ONNX."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fer_zoo.backend import select_backend
from fer_zoo.console import native_messages_dropped
from fer_zoo.errors import UsageError
from fer_zoo.packages import missing_modules
from fer_zoo.zoo import artifact_path, artifacts_dir, find_file, load_manifest, original_path, run_config

# What each converter to ONNX needs, by the name that `--onnx-converter` takes; the first one that is installed is used.
CONVERTERS = {"tf2onnx": ("tensorflow", "tf2onnx"), "torch": ("torch", "onnxscript")}
BACKENDS = {"tf2onnx": "tensorflow", "torch": "torch"}
_COMMON = ("onnx", "onnxruntime", "sklearn", "matplotlib")


def find_original(model: Path) -> tuple[str | None, Path]:
    """The name of a model in the zoo, `None` for any other model, and its `.keras` file, which may be missing.

    Args:
        model: Name of a model of the zoo, or the path of a `.keras` file.
    """
    if model.exists():
        originals = {a.model: artifact_path(a, artifacts_dir()) for a in load_manifest() if a.format == "keras"}
        name = next((name for name, path in originals.items() if path.resolve() == model.resolve()), None)
        return name, originals[name] if name else model
    original = original_path(str(model), absent=True)
    return (str(model), original) if original else (None, model)


@contextmanager
def original_file(model: Path) -> Iterator[Path]:
    """The `.keras` file; if it is missing, an ensemble is built from its members, another model is downloaded."""
    if model.is_file():
        yield model
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for path in model.parent.glob("*.json"):
            shutil.copyfile(path, folder / path.name)
        if run_config(folder).get("members"):
            from fer_zoo.training.ensembling import rebuild_ensemble

            yield rebuild_ensemble(model.parent / "config.json", folder, artifacts_dir())
        else:
            shutil.copyfile(find_file(f"{model.parent.name}:keras"), folder / model.name)
            yield folder / model.name


def installed_converter() -> str:
    """The first converter to ONNX whose packages are installed; tf2onnx if there is none, so that errors name it."""
    return next((name for name, packages in CONVERTERS.items() if not missing_modules(*packages)), "tf2onnx")


def check_arguments(model: Path, calibration: int, restorable: bool = False) -> None:
    """Check the arguments of an export before anything is loaded.

    Args:
        model: The Keras original.
        calibration: Number of images that int8 is calibrated on.
        restorable: Whether it can be downloaded or built if it is missing.

    Raises:
        UsageError: There is no such file, or no image.
    """
    if calibration < 1:
        raise UsageError(f"--calibration is {calibration}; it must be at least 1")
    if not model.is_file() and not restorable:
        raise UsageError(f"{model} does not exist; train a model first: python -m fer_zoo.train")


def prepare_keras(converter: str, *packages: str) -> None:
    """Check that all packages are installed, and run Keras on the backend of the converter to ONNX.

    Args:
        converter: Key of `CONVERTERS`.
        packages: Further packages that are needed.

    Raises:
        UsageError: Something is missing.
    """
    if missing := missing_modules(*CONVERTERS[converter], *_COMMON, *packages):
        hint = "pip install 'fer-zoo[export]'" if converter == "tf2onnx" else "pip install 'fer-zoo[export-torch]'"
        raise UsageError(f"export needs {', '.join(missing)}; run `{hint}`")
    select_backend(BACKENDS[converter])
    # Keras imports TensorFlow on any backend where it is installed, and its C++ code prints.
    with native_messages_dropped():
        import keras  # noqa: F401
