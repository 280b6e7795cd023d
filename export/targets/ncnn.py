"""ncnn, by its converter pnnx from ONNX."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np

from fer_zoo.errors import FerZooError

from .target import Predict, Source, Target

_FILES = ("model.ncnn.param", "model.ncnn.bin")


def write(source: Source, folder: Path) -> None:
    """Write `model.ncnn.param` and `model.ncnn.bin`; pnnx writes more beside the file that it reads."""
    import pnnx

    half = int(source.precision == "fp16")
    command = [pnnx.EXEC_PATH, source.onnx.name, "inputshape=[1,48,48,1]", f"fp16={half}"]
    done = subprocess.run(command, cwd=source.onnx.parent, capture_output=True, text=True, check=False)
    for name in _FILES:
        if not (source.onnx.parent / name).exists():
            raise FerZooError(f"pnnx wrote no {name}: {(done.stderr + done.stdout).strip()[-200:]}")
        shutil.copyfile(source.onnx.parent / name, folder / name)


def load(folder: Path) -> Predict:
    """One image at a time, since ncnn has no batches, and by the plainest arithmetic that it has.

    Its defaults round more: Winograd's transforms, and numbers of 16 bits where the processor has them.
    """
    import ncnn

    network = ncnn.Net()
    network.opt.use_vulkan_compute = False
    network.opt.use_winograd_convolution = False
    network.opt.use_fp16_arithmetic = network.opt.use_fp16_storage = network.opt.use_fp16_packed = False
    if network.load_param(str(folder / _FILES[0])) or network.load_model(str(folder / _FILES[1])):
        raise FerZooError("ncnn does not load what pnnx wrote: it has no such layer")

    def predict(images: np.ndarray) -> np.ndarray:
        rows = []
        for image in images:
            extractor = network.create_extractor()
            extractor.input("in0", ncnn.Mat(np.ascontiguousarray(image)))
            rows.append(np.array(extractor.extract("out0")[1]).ravel())
        return np.stack(rows)

    return predict


TARGET = Target(
    name="ncnn",
    title="ncnn",
    packages=("ncnn", "pnnx"),
    install="ncnn pnnx",
    precisions=("fp32", "fp16"),
    converter=None,
    file=_FILES[1],
    # Of one channel, so that ncnn::Mat::from_pixels(…, PIXEL_GRAY, 48, 48) has these numbers in this order.
    input={
        "name": "in0",
        "shape": [48, 48, 1],
        "dtype": "float32",
        "range": [0, 255],
        "layout": "c, h, w = 48, 48, 1",
    },
    write=write,
    load=load,
)
