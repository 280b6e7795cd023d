"""MNN, with files that its converter makes."""

import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import MNN.expr as expr
import MNN.nn as nn
import numpy as np


def load(path: str) -> Callable[[np.ndarray], np.ndarray]:
    target = Path(tempfile.mkdtemp(dir=".")) / "model.mnn"
    kind = "TFLITE" if path.endswith(".tflite") else "ONNX"
    # The program mnnconvert does the same, and also installs a package for usage statistics with pip.
    program = "import sys, _tools; _tools.mnnconvert(sys.argv)"
    arguments = ["-f", kind, "--modelFile", path, "--MNNModel", str(target), "--bizCode", "fer"]
    converted = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False)
    if not target.exists():
        printed = (converted.stdout + converted.stderr).strip()
        raise RuntimeError(f"its converter ended with code {converted.returncode}: {printed[-200:]}")
    model = nn.load_module_from_file(str(target), ["image"], ["probabilities"], backend=expr.Backend.CPU, thread_num=1)

    # Of files from ONNX, whose axes have no names, this is what leaves them as they are.
    axes = expr.NHWC if kind == "TFLITE" else expr.NCHW

    def call(images: np.ndarray) -> np.ndarray:
        given = expr.const(np.ascontiguousarray(images), list(images.shape), axes)
        outputs = model.onForward([given])
        if not outputs:
            raise RuntimeError("it loads the file and then computes no output")
        return np.array(outputs[0].read())

    return call
