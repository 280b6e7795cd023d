#!/usr/bin/env bash
# OpenCV's DNN module answers wrongly, without an error, for a quantized (QDQ) ONNX Gemm whose bias is int32 behind a
# DequantizeLinear, as ONNX Runtime's quantizer writes it, when the batch is larger than one. With the same bias as float
# it agrees with ONNX Runtime. Exits non-zero if that behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q opencv-python-headless==4.14.0.94 onnx==1.19.1 onnxruntime==1.23.2 numpy==2.3.4
cat > "$folder/gemm.py" <<'PYTHON'
import cv2
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

print("opencv", cv2.__version__, "onnx", onnx.__version__, "onnxruntime", onnxruntime.__version__)
INPUTS, OUTPUTS, STEP = 16, 7, np.float32(0.05)


def quantized_gemm(bias: str) -> bytes:
    """x [n, 16] -> y [n, 7], all of it in int8 between QuantizeLinear and DequantizeLinear."""
    random = np.random.default_rng(1)
    weights = random.integers(-127, 128, (OUTPUTS, INPUTS)).astype(np.int8)
    biases = random.integers(-500, 500, OUTPUTS).astype(np.int32)
    x_scale, scales = np.float32(1 / 64), np.full(OUTPUTS, 0.01, np.float32)
    constants = {
        "xs": x_scale, "zero": np.int8(0), "w": weights, "ws": scales, "wz": np.zeros(OUTPUTS, np.int8), "ys": STEP,
    }
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "xs", "zero"], ["xq"]),
        helper.make_node("DequantizeLinear", ["xq", "xs", "zero"], ["xd"]),
        helper.make_node("DequantizeLinear", ["w", "ws", "wz"], ["wd"], axis=0),
    ]
    if bias == "int32":
        constants |= {"b": biases, "bs": x_scale * scales, "bz": np.zeros(OUTPUTS, np.int32)}
        nodes.append(helper.make_node("DequantizeLinear", ["b", "bs", "bz"], ["bd"], axis=0))
    else:
        constants["bd"] = (biases * x_scale * scales).astype(np.float32)
    nodes += [
        helper.make_node("Gemm", ["xd", "wd", "bd"], ["g"], transB=1),
        helper.make_node("QuantizeLinear", ["g", "ys", "zero"], ["yq"]),
        helper.make_node("DequantizeLinear", ["yq", "ys", "zero"], ["y"]),
    ]
    values = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", size])
        for name, size in (("x", INPUTS), ("y", OUTPUTS))
    ]
    initializers = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "gemm", values[:1], values[1:], initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString()


wrong = {}
for bias in ("int32", "float"):
    content = quantized_gemm(bias)
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    for batch in (1, 8):
        x = np.random.default_rng(batch).uniform(-1.9, 1.9, (batch, INPUTS)).astype(np.float32)
        expected = session.run(None, {"x": x})[0]
        network = cv2.dnn.readNetFromONNX(np.frombuffer(content, np.uint8))
        network.setInput(x)
        difference = np.abs(network.forward() - expected).max(axis=1)
        wrong[bias, batch] = int((difference > 2 * STEP).sum())
        print(f"{bias} bias, batch {batch}: {wrong[bias, batch]} rows wrong, largest difference {difference.max():.2f}")
assert wrong["int32", 1] == wrong["float", 1] == wrong["float", 8] == 0, wrong
assert wrong["int32", 8] > 0, wrong
PYTHON
"$folder/venv/bin/python" "$folder/gemm.py"
