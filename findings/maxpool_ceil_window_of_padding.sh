#!/usr/bin/env bash
# A MaxPool with `ceil_mode=1` has no window that begins in the padding at the end, in ONNX's reference implementation,
# in ONNX Runtime and in PyTorch's documentation: 2x2 pixels with kernel 1 and stride 2 give 1x1. OpenVINO 2026.4.1 and
# OpenCV 5.0.0.93 give 2x2, whose three other values are those of an empty maximum, -3.4e38.
# Exits 0 while this holds, 1 when it has changed. Needs python3 with venv and a package index; leaves nothing behind.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check openvino==2026.4.1 opencv-python-headless==5.0.0.93 onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
cat > "$folder/maxpool_ceil_window_of_padding.py" <<'PYTHON'
import io

import cv2
import numpy as np
import onnx
import onnxruntime
import openvino
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

for module in (cv2, onnx, onnxruntime, openvino):
    print(module.__name__, module.__version__)
x = np.arange(1, 5, dtype=np.float32).reshape(1, 1, 2, 2)
node = helper.make_node("MaxPool", ["x"], ["y"], kernel_shape=[1, 1], strides=[2, 2], ceil_mode=1)
values = [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in (("x", x.shape), ("y", (1, 1, 1, 1)))]
graph = helper.make_graph([node], "one", values[:1], values[1:])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)
onnx.checker.check_model(model, full_check=True)
content = model.SerializeToString()
core = openvino.Core()
net = cv2.dnn.readNetFromONNX(np.frombuffer(content, np.uint8))
net.setInput(x, "x")
found = {
    "reference": ReferenceEvaluator(model).run(None, {"x": x})[0],
    "ONNX Runtime": onnxruntime.InferenceSession(content).run(None, {"x": x})[0],
    "OpenVINO": core.compile_model(core.read_model(io.BytesIO(content)), "CPU")({"x": x})[0],
    "OpenCV": net.forward(),
}
for name, answer in found.items():
    print(f"{name}: {answer.shape} {answer.ravel()}")
shapes = [answer.shape for answer in found.values()]
empty = all((found[name].ravel()[1:] < -1e37).all() for name in ("OpenVINO", "OpenCV"))
raise SystemExit(shapes != [(1, 1, 1, 1)] * 2 + [(1, 1, 2, 2)] * 2 or not empty)
PYTHON
"$folder/venv/bin/python" "$folder/maxpool_ceil_window_of_padding.py"
