#!/usr/bin/env bash
# OpenVINO 2026.4.1 computes ONNX recurrent networks with `layout=1` (batch first) as if the batch were the sequence:
# each image's state starts from that of the image before it, and Y_h has one row in place of one for each image. No
# error. ONNX Runtime refuses layout=1, so here the values wanted come from the reference implementation of ONNX and
# from the same network with layout=0.
# Exits 0 while this holds, 1 when it has changed. Needs python3 with venv and a package index; leaves nothing behind.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check openvino==2026.4.1 onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
cat > "$folder/openvino_rnn_layout.py" <<'PYTHON'
import io

import numpy as np
import onnx
import openvino
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

print("openvino", openvino.__version__, "onnx", onnx.__version__)
BATCH, INPUTS, HIDDEN = 3, 2, 4
random = np.random.default_rng(0)
x = random.normal(size=(BATCH, 1, INPUTS)).astype(np.float32)  # Three sequences of one step.
core = openvino.Core()


def last_states(operation: str, weights: dict[str, np.ndarray], batch: np.ndarray, layout: int) -> list[np.ndarray]:
    """Y_h by the reference implementation and by OpenVINO."""
    batch_size = batch.shape[0 if layout else 1]
    y_shape = (batch_size, len(batch[0]), 1, HIDDEN) if layout else (len(batch), 1, batch_size, HIDDEN)
    h_shape = (batch_size, 1, HIDDEN) if layout else (1, batch_size, HIDDEN)
    node = helper.make_node(operation, ["x", "W", "R"], ["Y", "Y_h"], hidden_size=HIDDEN, layout=layout)
    graph = helper.make_graph(
        [node],
        "one",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, batch.shape)],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in (("Y", y_shape), ("Y_h", h_shape))],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    network = core.read_model(io.BytesIO(model.SerializeToString()))
    compiled = core.compile_model(network, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return [ReferenceEvaluator(model).run(None, {"x": batch})[1], compiled({"x": batch})[1]]


holds = []
for operation, gates in (("RNN", 1), ("GRU", 3), ("LSTM", 4)):
    weights = {
        "W": random.normal(size=(1, gates * HIDDEN, INPUTS)).astype(np.float32),
        "R": random.normal(size=(1, gates * HIDDEN, HIDDEN)).astype(np.float32),
    }
    wanted, found = last_states(operation, weights, x, layout=1)
    print(f"{operation}: Y_h by the standard {wanted.shape}, by OpenVINO {found.shape}")
    batch_second = last_states(operation, weights, x.transpose(1, 0, 2), layout=0)
    one_sequence = last_states(operation, weights, x, layout=0)  # The same numbers as one sequence of three steps.
    holds += [
        wanted.shape == (BATCH, 1, HIDDEN) and np.allclose(batch_second, wanted[:, 0], atol=1e-5),
        found.shape == (1, 1, HIDDEN) and np.allclose(one_sequence, found, atol=1e-5),
    ]
raise SystemExit(not all(holds))
PYTHON
"$folder/venv/bin/python" "$folder/openvino_rnn_layout.py"
