#!/usr/bin/env bash
# OpenCV 5.0.0.93 makes one Reshape of two in a row, and then takes a 0 in the second shape, which copies a dimension of
# the second's input, from the first's input: another shape than the standard's, without an error, or an error where the
# numbers do not divide. ONNX Runtime agrees with the standard.
# Exits 0 while this holds, 1 when it has changed. Needs python3 with venv and a package index; leaves nothing behind.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check opencv-python-headless==5.0.0.93 onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
cat > "$folder/opencv5_reshape_twice.py" <<'PYTHON'
import cv2
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

print("opencv", cv2.__version__, "onnx", onnx.__version__, "onnxruntime", onnxruntime.__version__)
x = np.arange(120, dtype=np.float32).reshape(2, 3, 4, 5)


def shapes(first: list[int], second: list[int]) -> tuple[tuple[int, ...], str]:
    """Shape of `x` after both, in ONNX Runtime and in OpenCV."""
    nodes = [helper.make_node("Reshape", ["x", "first"], ["t"]), helper.make_node("Reshape", ["t", "second"], ["y"])]
    constants = [numpy_helper.from_array(np.array(s, np.int64), n) for n, s in (("first", first), ("second", second))]
    wanted = x.reshape(first)
    wanted = wanted.reshape([wanted.shape[i] if size == 0 else size for i, size in enumerate(second)]).shape
    values = [helper.make_tensor_value_info(n, TensorProto.FLOAT, shape) for n, shape in (("x", x.shape), ("y", wanted))]
    graph = helper.make_graph(nodes, "two", values[:1], values[1:], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    content = model.SerializeToString()
    assert onnxruntime.InferenceSession(content).run(None, {"x": x})[0].shape == wanted
    net = cv2.dnn.readNetFromONNX(np.frombuffer(content, np.uint8))
    net.setInput(x, "x")
    try:
        return wanted, str(net.forward().shape)
    except cv2.error as error:
        return wanted, error.err


found = {}
for first, second in (([2, 1, 3, 20], [0, 0, -1]), ([4, 3, -1], [0, -1]), ([6, 20], [0, 4, 5]), ([2, 60], [0, 4, 15])):
    wanted, found[tuple(first)] = shapes(first, second)
    print(f"{x.shape} to {first} to {second}: {wanted}, OpenCV {found[tuple(first)]}")
expected = ["(2, 3, 20)", "(2, 60)", "outTotal == inpTotal", "(2, 4, 15)"]
raise SystemExit(list(found.values()) != expected)
PYTHON
"$folder/venv/bin/python" "$folder/opencv5_reshape_twice.py"
