"""IREE, compiled for the processor that it runs on."""

import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import iree.runtime
import numpy as np


def load(path: str) -> Callable[[np.ndarray], np.ndarray]:
    folder = Path(tempfile.mkdtemp(dir="."))
    programs = Path(sys.executable).parent
    steps: tuple[list[str | Path], ...] = (
        [programs / "iree-import-onnx", path, "-o", folder / "model.mlir"],
        [
            programs / "iree-compile",
            folder / "model.mlir",
            "--iree-hal-target-device=local",
            "--iree-hal-local-target-device-backends=llvm-cpu",
            "--iree-llvmcpu-target-cpu=host",
            "-o",
            folder / "model.vmfb",
        ],
    )
    for step in steps:
        done = subprocess.run(step, capture_output=True, text=True, check=False)
        if done.returncode:
            errors = [line for line in done.stderr.splitlines() if "error" in line] or [done.stderr.strip()[-200:]]
            raise RuntimeError(f"{Path(step[0]).name} ended with code {done.returncode}: {errors[0]}")
    config = iree.runtime.Config("local-sync")
    module = iree.runtime.load_vm_module(
        iree.runtime.VmModule.mmap(config.vm_instance, str(folder / "model.vmfb")), config
    )
    # Beside each function is one that takes fences, `NAME$async`.
    function = next(n for n in module.vm_module.function_names if not n.startswith("__") and not n.endswith("$async"))
    return lambda images: np.asarray(module[function](np.ascontiguousarray(images)))
