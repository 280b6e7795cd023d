#!/usr/bin/env bash
# OpenCV 4's importer of TFLite (4.12.0.88, 4.14.0.94) ignores the bias of FULLY_CONNECTED, without an error: its output
# is the product alone. It also broadcasts a constant [n] that is added to an output [1, n] along the wrong axis, to
# [n, n]; with the constant as [1, n] the sum is right. OpenCV 5.0.0.93 computes all of these as LiteRT does. Exits
# non-zero if that behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q tensorflow==2.21.0 ai-edge-litert==2.3.0 numpy==2.4.6
cat > "$folder/write.py" <<'PYTHON'
import os
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import flatbuffers
import numpy as np
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

FOLDER = Path(__file__).parent
random = np.random.default_rng(0)
weights, bias = random.normal(size=(16, 7)).astype(np.float32), np.arange(1, 8, dtype=np.float32)
x = random.normal(size=(1, 16)).astype(np.float32)


def converted(dense) -> bytes:
    function = tf.function(dense, input_signature=[tf.TensorSpec((1, 16), name="x")])
    return tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()]).convert()


def with_rows(content: bytes) -> bytes:
    """The constant [7] of the ADD as [1, 7]."""
    model = schema.ModelT.InitFromPackedBuf(content)
    (graph,) = model.subgraphs
    (constant,) = [tensor for tensor in graph.tensors if list(tensor.shape) == [7]]
    constant.shape = np.array([1, 7], np.int32)
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


# The converter joins product and sum in one FULLY_CONNECTED, unless the product is an output too.
apart = converted(lambda x: {"product": x @ weights, "sum": x @ weights + bias})
files = {
    "no bias": converted(lambda x: x @ weights),
    "bias": converted(lambda x: x @ weights + bias),
    "bias and RELU": converted(lambda x: tf.nn.relu(x @ weights + bias)),
    "no bias, ADD of [7]": apart,
    "no bias, ADD of [1, 7]": with_rows(apart),
}
answers = {"x": x, "product": x @ weights}
print("tensorflow", tf.__version__)
for name, content in files.items():
    (FOLDER / f"{name}.tflite").write_bytes(content)
    interpreter = Interpreter(model_content=content)
    operators = [operator["op_name"] for operator in interpreter._get_ops_details()]
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
    interpreter.invoke()
    answers[name] = interpreter.get_tensor(interpreter.get_output_details()[-1]["index"])
    sums = x @ weights + (0 if name == "no bias" else bias)
    expected = np.maximum(sums, 0) if "RELU" in name else sums
    print(f"{name}: {' '.join(operators)}, LiteRT differs from NumPy by {np.abs(answers[name] - expected).max():.2g}")
    np.testing.assert_allclose(answers[name], expected, atol=1e-5)
np.savez(FOLDER / "answers.npz", **answers)
PYTHON
cat > "$folder/read.py" <<'PYTHON'
from pathlib import Path

import cv2
import numpy as np

FOLDER = Path(__file__).parent
answers = np.load(FOLDER / "answers.npz")
right = {}
for name in answers.files[2:]:
    network = cv2.dnn.readNetFromTFLite(str(FOLDER / f"{name}.tflite"))
    network.setInput(answers["x"])
    # OpenCV 4 and 5 differ in which outputs come first.
    output = network.forward(network.getUnconnectedOutLayersNames())[-1]
    same = output.shape == answers[name].shape
    right[name] = same and np.allclose(output, answers[name], atol=1e-5)
    difference = f"largest difference {np.abs(output - answers[name]).max():.2g}" if same else f"shape {output.shape}"
    print(f"OpenCV {cv2.__version__}, {name}: {difference}")
    if name.startswith("bias") and not right[name]:
        product = np.maximum(answers["product"], 0) if "RELU" in name else answers["product"]
        np.testing.assert_allclose(output, product, atol=1e-5)
wrong = [name for name, is_right in right.items() if not is_right]
expected = [] if cv2.__version__ == "5.0.0" else ["bias", "bias and RELU", "no bias, ADD of [7]"]
assert wrong == expected, wrong
PYTHON
"$folder/venv/bin/python" "$folder/write.py"
for version in 4.12.0.88 4.14.0.94 5.0.0.93; do
  "$folder/venv/bin/pip" install -q --no-deps --target "$folder/$version" "opencv-python-headless==$version"
  PYTHONPATH="$folder/$version" "$folder/venv/bin/python" "$folder/read.py"
done
