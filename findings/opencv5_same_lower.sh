#!/usr/bin/env bash
# OpenCV 5.0.0.93 takes `auto_pad=SAME_LOWER` of ONNX for SAME_UPPER, without a word: where the padding is uneven, the
# extra row and column belong to the beginning, and OpenCV puts them at the end. Convolution, max and average pooling,
# both engines. SAME_UPPER, and SAME_LOWER where the padding is even, are right. ONNX Runtime and OpenVINO agree with
# the standard.
# Exits 0 while this holds, 1 when it has changed. Needs python3 with venv and a package index; leaves nothing behind.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check opencv-python-headless==5.0.0.93 onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
cat > "$folder/opencv5_same_lower.py" <<'PYTHON'
import cv2
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

print("opencv", cv2.__version__, "onnx", onnx.__version__, "onnxruntime", onnxruntime.__version__)
image = np.arange(16, dtype=np.float32).reshape(1, 1, 4, 4)
wrong = set()
for operation in ("Conv", "MaxPool", "AveragePool"):
    for pad in ("SAME_LOWER", "SAME_UPPER"):
        for size in (2, 3):
            kernel = numpy_helper.from_array(np.ones((1, 1, size, size), np.float32), "kernel")
            inputs, weights = (["x", "kernel"], [kernel]) if operation == "Conv" else (["x"], [])
            node = helper.make_node(operation, inputs, ["y"], kernel_shape=[size, size], auto_pad=pad)
            values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, image.shape) for name in "xy"]
            graph = helper.make_graph([node], "one", values[:1], values[1:], weights)
            model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
            onnx.checker.check_model(model, full_check=True)
            content = model.SerializeToString()
            (wanted,) = onnxruntime.InferenceSession(content).run(None, {"x": image})
            for engine in ("ENGINE_CLASSIC", "ENGINE_NEW"):
                net = cv2.dnn.readNetFromONNX(np.frombuffer(content, np.uint8), engine=getattr(cv2.dnn, engine))
                net.setInput(image, "x")
                found = net.forward()
                if np.abs(found - wanted).max() > 1e-4:
                    wrong.add((operation, pad, size, engine))
                    print(operation, pad, f"{size}x{size}", engine, "begins with", found.ravel()[:4], "not", wanted.ravel()[:4])
expected = {
    (operation, "SAME_LOWER", 2, engine)
    for operation in ("Conv", "MaxPool", "AveragePool")
    for engine in ("ENGINE_CLASSIC", "ENGINE_NEW")
}
raise SystemExit(wrong != expected)
PYTHON
"$folder/venv/bin/python" "$folder/opencv5_same_lower.py"
