"""ncnn, with files that pnnx converts; one image at a time."""

import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import ncnn
import numpy as np

BATCHES = False


def load(path: str) -> Callable[[np.ndarray], np.ndarray]:
    folder = Path(tempfile.mkdtemp(dir="."))
    (folder / "model.onnx").symlink_to(Path(path).resolve())
    program = Path(sys.executable).with_name("pnnx")
    command = [str(program), "model.onnx", "inputshape=[1,48,48,1]", "fp16=0"]
    converted = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if not (folder / "model.ncnn.param").exists():
        raise RuntimeError(f"pnnx wrote no model: {(converted.stderr + converted.stdout).strip()[-200:]}")
    network = ncnn.Net()
    network.opt.use_vulkan_compute = False
    network.opt.num_threads = 1
    if network.load_param(str(folder / "model.ncnn.param")) or network.load_model(str(folder / "model.ncnn.bin")):
        raise RuntimeError("ncnn does not load what pnnx wrote")

    def call(images: np.ndarray) -> np.ndarray:
        extractor = network.create_extractor()
        extractor.input("in0", ncnn.Mat(np.ascontiguousarray(images[0])))
        status, output = extractor.extract("out0")
        if status:
            raise RuntimeError(f"ncnn gives no output (status {status})")
        return np.array(output).reshape(1, -1)

    return call
