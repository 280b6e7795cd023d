#!/usr/bin/env bash
# jax2onnx writes max pooling of NHWC images as MaxPool over all four axes, with a kernel of (1, 2, 2, 1) behind two
# Unsqueeze. ONNX allows that; ONNX Runtime loads the model and refuses each run, "Unsupported pooling size", since its
# CPU kernel pools over three axes at most. Average pooling, a sum, runs. Exits non-zero if that behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q jax==0.10.2 jaxlib==0.10.2 jax2onnx==0.17.1 onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
JAX_PLATFORMS=cpu "$folder/venv/bin/python" - <<'PYTHON'
import jax
import jax.numpy as jnp
import numpy as np
import onnxruntime
from jax import lax
from jax2onnx import to_onnx

WINDOW = (1, 2, 2, 1)


def largest(images: jax.Array) -> jax.Array:
    return lax.reduce_window(images, -jnp.inf, lax.max, WINDOW, WINDOW, "VALID")


def mean(images: jax.Array) -> jax.Array:
    return lax.reduce_window(images, 0.0, lax.add, WINDOW, WINDOW, "VALID") / 4


def run(function) -> tuple[list, str]:
    model = to_onnx(function, [(2, 8, 8, 3)])
    kernels = [
        list(attribute.ints)
        for node in model.graph.node
        for attribute in node.attribute
        if attribute.name == "kernel_shape" and node.op_type == "MaxPool"
    ]
    images = np.random.default_rng(0).normal(size=(2, 8, 8, 3)).astype(np.float32)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    try:
        (found,) = session.run(None, {session.get_inputs()[0].name: images})
    except Exception as error:
        return kernels, str(error).rpartition("Status Message: ")[2]
    return kernels, "equal" if np.allclose(found, function(images), atol=1e-6) else "other numbers"


seen = {"max": run(largest), "mean": run(mean)}
print("ONNX Runtime on jax2onnx's pooling:", seen)
raise SystemExit(seen != {"max": ([[1, 2, 2, 1]], "Unsupported pooling size."), "mean": ([], "equal")})
PYTHON
