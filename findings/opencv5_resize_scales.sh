#!/usr/bin/env bash
# OpenCV 5.0.0.93 resizes by the ratio of the sizes where an ONNX Resize gives scales: 8 pixels by 0.6 are 4, and are
# sampled at every 2nd pixel in place of every 1.67th. It also ignores `antialias=1`. Neither says so. ONNX Runtime
# agrees with the standard.
# Exits 0 while this holds, 1 when it has changed. Needs python3 with venv and a package index; leaves nothing behind.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check opencv-python-headless==5.0.0.93 onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
cat > "$folder/opencv5_resize_scales.py" <<'PYTHON'
import cv2
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

print("opencv", cv2.__version__, "onnx", onnx.__version__, "onnxruntime", onnxruntime.__version__)
x = np.tile(np.arange(8, dtype=np.float32) ** 2, (1, 1, 8, 1))


def resized(scale: float, **attributes: object) -> tuple[np.ndarray, np.ndarray]:
    """The first row by ONNX Runtime and by OpenCV."""
    size = int(8 * scale)
    node = helper.make_node("Resize", ["x", "", "scales"], ["y"], **attributes)
    values = [helper.make_tensor_value_info(n, TensorProto.FLOAT, (1, 1, s, s)) for n, s in (("x", 8), ("y", size))]
    constants = [numpy_helper.from_array(np.array([1, 1, scale, scale], np.float32), "scales")]
    graph = helper.make_graph([node], "one", values[:1], values[1:], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(model, full_check=True)
    content = model.SerializeToString()
    (wanted,) = onnxruntime.InferenceSession(content).run(None, {"x": x})
    net = cv2.dnn.readNetFromONNX(np.frombuffer(content, np.uint8))
    net.setInput(x, "x")
    return wanted[0, 0, 0], net.forward()[0, 0, 0]


wrong = []
for scale, attributes in (
    (0.5, {"mode": "linear"}),
    (0.6, {"mode": "linear"}),
    (0.6, {"mode": "cubic"}),
    (0.6, {"mode": "nearest"}),
    (0.5, {"mode": "linear", "antialias": 1}),
    (0.5, {"mode": "cubic", "antialias": 1}),
):
    wanted, found = resized(scale, **attributes)
    print(scale, attributes, "ONNX Runtime", wanted.round(2), "OpenCV", found.round(2))
    wrong.append(bool(np.abs(wanted - found).max() > 0.01))
ratio = [np.allclose(resized(0.6, mode=mode)[1], resized(0.5, mode=mode)[1]) for mode in ("linear", "cubic", "nearest")]
ignored = [np.allclose(resized(0.5, mode=m, antialias=1)[1], resized(0.5, mode=m)[1]) for m in ("linear", "cubic")]
print("OpenCV resizes by 0.6 as by 0.5:", ratio, "and with antialias as without:", ignored)
raise SystemExit(wrong != [False, True, True, True, True, True] or not all(ratio + ignored))
PYTHON
"$folder/venv/bin/python" "$folder/opencv5_resize_scales.py"
