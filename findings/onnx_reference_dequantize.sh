#!/usr/bin/env bash
# onnx's reference evaluator has QuantizeLinear from opset 10 on, but DequantizeLinear from opset 19 only: it refuses
# every quantized model of opsets 10 to 18, which its own checker accepts and ONNX Runtime runs (onnx 1.19 to 1.23).
# Exits non-zero if that behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q onnx==1.23.0 onnxruntime==1.23.2 numpy==2.3.4
cat > "$folder/dequantize.py" <<'PYTHON'
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

print("onnx", onnx.__version__, "onnxruntime", onnxruntime.__version__)
x = np.array([0.1, 0.25, -3], np.float32)
refused = []
for opset in (10, 13, 17, 18, 19, 21):
    nodes = [helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"])]
    nodes += [helper.make_node("DequantizeLinear", ["q", "s", "z"], ["y"])]
    constants = [numpy_helper.from_array(np.float32(0.1), "s"), numpy_helper.from_array(np.int8(0), "z")]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [3]) for name in "xy"]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    expected = session.run(None, {"x": x})[0]
    try:
        np.testing.assert_allclose(ReferenceEvaluator(model).run(None, {"x": x})[0], expected, rtol=1e-6)
        print(f"opset {opset}: as ONNX Runtime")
    except RuntimeError as error:
        refused.append(opset)
        print(f"opset {opset}: {error}")
assert refused == [10, 13, 17, 18], refused
PYTHON
"$folder/venv/bin/python" "$folder/dequantize.py"
