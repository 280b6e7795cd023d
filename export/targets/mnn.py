"""MNN, by its own converter from ONNX."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np

from fer_zoo.console import native_messages_dropped
from fer_zoo.errors import FerZooError

from .target import Predict, Source, Target

# A value of MNN's HintMode, which its Python package does not name.
_WINOGRAD_MEMORY_LEVEL = 3
# The program mnnconvert does the same, and also installs a package for usage statistics with pip.
_CONVERT = "import sys, _tools; _tools.mnnconvert(sys.argv)"


def write(source: Source, folder: Path) -> None:
    """Write `model.mnn`."""
    path = folder / "model.mnn"
    arguments = ["-f", "ONNX", "--modelFile", str(source.onnx), "--MNNModel", str(path), "--bizCode", "fer_zoo"]
    if source.precision == "fp16":
        arguments.append("--fp16")
    command = [sys.executable, "-c", _CONVERT, *arguments]
    done = subprocess.run(command, cwd=source.folder, capture_output=True, text=True, check=False)
    if not path.exists():
        raise FerZooError(f"MNN's converter wrote no file: {(done.stdout + done.stderr).strip()[-200:]}")


def load(folder: Path) -> Predict:
    """By the plainest arithmetic that MNN has.

    By default it takes Winograd's transforms of larger tiles, which round more: in fernet_nano they moved a probability
    by up to 2.8e-4, and one prediction of 7,178.
    """
    with native_messages_dropped():
        import MNN.expr as expr
        import MNN.nn as nn

        runtime = nn.create_runtime_manager(({"backend": "CPU", "precision": "high", "numThread": 1},))
        runtime.set_hint(_WINOGRAD_MEMORY_LEVEL, 0)
        model = nn.load_module_from_file(
            str(folder / "model.mnn"), ["image"], ["probabilities"], runtime_manager=runtime
        )

    def predict(images: np.ndarray) -> np.ndarray:
        # The axes of files from ONNX have no names; this is what leaves them as they are.
        given = expr.const(np.ascontiguousarray(images), list(images.shape), expr.NCHW)
        return np.array(model.onForward([given])[0].read())

    return predict


TARGET = Target(
    name="mnn",
    title="MNN",
    packages=("MNN",),
    install="MNN",
    precisions=("fp32", "fp16"),
    converter=None,
    file="model.mnn",
    input={"name": "image", "shape": [None, 48, 48, 1], "dtype": "float32", "range": [0, 255], "layout": "as NCHW"},
    write=write,
    load=load,
)
