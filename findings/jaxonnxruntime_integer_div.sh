#!/usr/bin/env bash
# jaxonnxruntime 0.3.0 rounds ONNX's Div of integers down, as `//` of Python does; the standard rounds towards 0, as
# ONNX Runtime does: -7 / 2 is -4 in place of -3, -1 / 4 is -1 in place of 0. (tf2onnx errs the other way:
# tf2onnx_integer_floor.sh.)
# Exits 0 while this holds, 1 when it has changed. Needs python3 with venv and a package index; leaves nothing behind.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check jaxonnxruntime==0.3.0 absl-py==2.3.1 jax==0.10.2 jaxlib==0.10.2 onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
cat > "$folder/jaxonnxruntime_integer_div.py" <<'PYTHON'
import jax
import numpy as np
import onnx
import onnxruntime
from jaxonnxruntime.backend import Backend
from onnx import TensorProto, helper

print("jax", jax.__version__, "onnx", onnx.__version__, "onnxruntime", onnxruntime.__version__)
a, b = np.array([-7, 7, -7, 7, -1, 8], np.int32), np.array([2, -2, -2, 2, 4, 2], np.int32)
values = [helper.make_tensor_value_info(name, TensorProto.INT32, a.shape) for name in "aby"]
graph = helper.make_graph([helper.make_node("Div", ["a", "b"], ["y"])], "one", values[:2], values[2:])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
onnx.checker.check_model(model, full_check=True)
(wanted,) = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"a": a, "b": b})
found = np.asarray(Backend.run_model(model, [a, b])[0])
for row in zip(a, b, wanted, found):
    print("{} / {}: ONNX Runtime {}, jaxonnxruntime {}".format(*row))
assert wanted.tolist() == [-3, -3, 3, 3, 0, 4]
raise SystemExit(found.tolist() != [-4, -4, 3, 3, -1, 4])
PYTHON
"$folder/venv/bin/python" "$folder/jaxonnxruntime_integer_div.py"
