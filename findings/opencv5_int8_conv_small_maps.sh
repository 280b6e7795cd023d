#!/usr/bin/env bash
# OpenCV 5.0's default DNN engine answers wrongly, without an error, for quantized (QDQ) ONNX convolutions that are 1x1
# or depthwise, where the area of the map is no multiple of 16 (here 6x6; 4x4, 8x8 and 12x12 are right). The classic engine
# agrees with ONNX Runtime. Exits non-zero if that behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q opencv-python-headless==5.0.0.93 onnx==1.19.1 onnxruntime==1.23.2 numpy==2.3.4
cat > "$folder/conv.py" <<'PYTHON'
from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

print("opencv", cv2.__version__, "onnx", onnx.__version__, "onnxruntime", onnxruntime.__version__)
CHANNELS, STEP = 32, np.float32(0.25)


def quantized_conv(kernel: int, groups: int, size: int) -> bytes:
    """x [1, 32, size, size] -> y of the same shape, all of it in int8 between QuantizeLinear and DequantizeLinear."""
    random = np.random.default_rng(0)
    shape = (CHANNELS, CHANNELS // groups, kernel, kernel)
    x_scale, scales = np.float32(1 / 64), np.full(CHANNELS, 1 / 64, np.float32)
    zeros = np.zeros(CHANNELS, np.int8)
    constants = {
        "xs": x_scale, "zero": np.int8(0), "w": random.integers(-60, 61, shape).astype(np.int8), "ws": scales,
        "wz": zeros, "b": random.integers(-500, 500, CHANNELS).astype(np.int32), "bs": x_scale * scales,
        "bz": zeros.astype(np.int32), "ys": STEP,
    }
    conv = {"kernel_shape": [kernel] * 2, "pads": [kernel // 2] * 4, "group": groups}
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "xs", "zero"], ["xq"]),
        helper.make_node("DequantizeLinear", ["xq", "xs", "zero"], ["xd"]),
        helper.make_node("DequantizeLinear", ["w", "ws", "wz"], ["wd"], axis=0),
        helper.make_node("DequantizeLinear", ["b", "bs", "bz"], ["bd"], axis=0),
        helper.make_node("Conv", ["xd", "wd", "bd"], ["c"], **conv),
        helper.make_node("QuantizeLinear", ["c", "ys", "zero"], ["yq"]),
        helper.make_node("DequantizeLinear", ["yq", "ys", "zero"], ["y"]),
    ]
    values = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, CHANNELS, size, size]) for n in ("x", "y")]
    initializers = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "conv", values[:1], values[1:], initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString()


file = Path(__file__).with_name("conv.onnx")
wrong = {}
for kind, kernel, groups in (("1x1", 1, 1), ("depthwise 3x3", 3, CHANNELS), ("dense 3x3", 3, 1)):
    for size in (4, 6, 8, 12):
        content = quantized_conv(kernel, groups, size)
        x = np.random.default_rng(1).uniform(-1.9, 1.9, (1, CHANNELS, size, size)).astype(np.float32)
        session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
        (expected,) = session.run(None, {"x": x})
        file.write_bytes(content)
        differences = []
        for engine in (cv2.dnn.ENGINE_NEW, cv2.dnn.ENGINE_CLASSIC):
            network = cv2.dnn.readNetFromONNX(str(file), engine)
            network.setInput(x)
            differences.append(float(np.abs(network.forward() - expected).max()))
        wrong[kind, size] = [difference > 2 * STEP for difference in differences]
        print(f"{kind}, {size}x{size}: largest difference {differences[0]:.2f}, in the classic engine "
              f"{differences[1]:.2f}, of values up to {np.abs(expected).max():.2f}")
seen = [case for case, (new, _) in wrong.items() if new]
assert seen == [("1x1", 6), ("depthwise 3x3", 6)], seen
assert not any(classic for _, classic in wrong.values()), wrong
PYTHON
"$folder/venv/bin/python" "$folder/conv.py"
