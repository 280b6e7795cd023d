#!/usr/bin/env bash
# OpenCV 5.0.0.93 reduces a batch of three or more images over the axes 0, 2 and 3 (the mean of each channel) to wrong
# values, without an error: it counts the second image in place of each that follows, so that images of sums 1, 10, 100
# give 21. So do mean and maximum. Two images are right, and so are the axes 2 and 3, 0 and 2, and all four.
# Exits 0 while this holds, 1 when it has changed. Needs python3 with venv and a package index; leaves nothing behind.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check opencv-python-headless==5.0.0.93 onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
cat > "$folder/opencv5_reduce_batch.py" <<'PYTHON'
import cv2
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

print("opencv", cv2.__version__, "onnx", onnx.__version__, "onnxruntime", onnxruntime.__version__)


def reduced(operation: str, x: np.ndarray, axes: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """By ONNX Runtime and by OpenCV."""
    shape = [1 if axis in axes else size for axis, size in enumerate(x.shape)]
    node = helper.make_node(operation, ["x", "axes"], ["y"])
    values = [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in (("x", x.shape), ("y", shape))]
    constants = [numpy_helper.from_array(np.array(axes, np.int64), "axes")]
    graph = helper.make_graph([node], "one", values[:1], values[1:], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(model, full_check=True)
    content = model.SerializeToString()
    (wanted,) = onnxruntime.InferenceSession(content).run(None, {"x": x})
    net = cv2.dnn.readNetFromONNX(np.frombuffer(content, np.uint8))
    net.setInput(x, "x")
    return wanted, net.forward()


holds = True
for count in (1, 2, 3, 4):
    images = np.ones((count, 2, 4, 5), np.float32) / 20 * 10.0 ** np.arange(count, dtype=np.float32)[:, None, None, None]
    wanted, found = (values.ravel().round(3) for values in reduced("ReduceSum", images, (0, 2, 3)))
    print(f"sum of each of 2 channels of {count} images: ONNX Runtime {wanted}, OpenCV {found}")
    holds &= bool(np.allclose(found, wanted[0] if count < 3 else 1 + 10 * (count - 1)))
images = np.random.default_rng(0).random((4, 2, 4, 5)).astype(np.float32) + np.arange(4, dtype=np.float32)[:, None, None, None]
wrong = []
for operation in ("ReduceMean", "ReduceMax"):
    for axes in ((0, 2, 3), (0, 2), (2, 3), (0, 1, 2, 3)):
        wanted, found = reduced(operation, images, axes)
        difference = float(np.abs(wanted - found).max())
        print(f"{operation} of 4 images over {axes}: largest difference {difference:.1e}")
        if difference > 1e-4:
            wrong.append((operation, axes))
raise SystemExit(not holds or wrong != [("ReduceMean", (0, 2, 3)), ("ReduceMax", (0, 2, 3))])
PYTHON
"$folder/venv/bin/python" "$folder/opencv5_reduce_batch.py"
