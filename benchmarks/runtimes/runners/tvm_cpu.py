"""TVM, compiled by its default pipeline for LLVM; one image at a time, since shapes are fixed when it compiles."""

from collections.abc import Callable

import numpy as np
import onnx
import tvm
from tvm import relax
from tvm.relax.frontend.onnx import from_onnx

BATCHES = False


def load(path: str) -> Callable[[np.ndarray], np.ndarray]:
    module = from_onnx(onnx.load(path), shape_dict={"image": [1, 48, 48, 1]})
    machine = relax.VirtualMachine(tvm.compile(relax.transform.DecomposeOpsForInference()(module), "llvm"), tvm.cpu())

    def call(images: np.ndarray) -> np.ndarray:
        found = machine["main"](tvm.runtime.tensor(np.ascontiguousarray(images)))
        return (found if hasattr(found, "numpy") else found[0]).numpy()

    return call
