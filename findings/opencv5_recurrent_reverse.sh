#!/usr/bin/env bash
# OpenCV 5.0.0.93 runs an ONNX GRU with `direction=reverse` wrongly, all of its outputs, and gives a wrong last state
# (Y_h and Y_c) for a reverse LSTM, whose sequence of outputs is right. No error. Forward and bidirectional networks
# with the same weights are right.
# Exits 0 while this holds, 1 when it has changed. Needs python3 with venv and a package index; leaves nothing behind.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check opencv-python-headless==5.0.0.93 onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
cat > "$folder/opencv5_recurrent_reverse.py" <<'PYTHON'
import cv2
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

print("opencv", cv2.__version__, "onnx", onnx.__version__, "onnxruntime", onnxruntime.__version__)
STEPS, BATCH, INPUTS, HIDDEN = 3, 2, 4, 5
random = np.random.default_rng(0)
x = random.normal(size=(STEPS, BATCH, INPUTS)).astype(np.float32)
wrong = set()
for operation, gates in (("GRU", 3), ("LSTM", 4)):
    for direction in ("forward", "reverse", "bidirectional"):
        directions = 2 if direction == "bidirectional" else 1
        weights = {
            "W": random.normal(size=(directions, gates * HIDDEN, INPUTS)).astype(np.float32),
            "R": random.normal(size=(directions, gates * HIDDEN, HIDDEN)).astype(np.float32),
        }
        outputs = ["Y", "Y_h", "Y_c"][: 3 if operation == "LSTM" else 2]
        shapes = [(STEPS, directions, BATCH, HIDDEN)] + [(directions, BATCH, HIDDEN)] * 2
        node = helper.make_node(operation, ["x", *weights], outputs, hidden_size=HIDDEN, direction=direction)
        graph = helper.make_graph(
            [node],
            "one",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)],
            [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in zip(outputs, shapes)],
            [numpy_helper.from_array(value, name) for name, value in weights.items()],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
        onnx.checker.check_model(model, full_check=True)
        content = model.SerializeToString()
        wanted = onnxruntime.InferenceSession(content).run(None, {"x": x})
        net = cv2.dnn.readNetFromONNX(np.frombuffer(content, np.uint8))
        net.setInput(x, "x")
        for name, a, b in zip(outputs, net.forward(outputs), wanted):
            difference = float(np.abs(np.asarray(a) - b).max())
            print(f"{operation} {direction:13} {name:3} largest difference from ONNX Runtime {difference:.1e}")
            if difference > 1e-4:
                wrong.add((operation, direction, name))
expected = {("GRU", "reverse", "Y"), ("GRU", "reverse", "Y_h"), ("LSTM", "reverse", "Y_h"), ("LSTM", "reverse", "Y_c")}
raise SystemExit(wrong != expected)
PYTHON
"$folder/venv/bin/python" "$folder/opencv5_recurrent_reverse.py"
