#!/usr/bin/env bash
# tf2onnx converts floor division and modulo of integers to ONNX's Div and to what follows from it, which round towards
# zero: -7 // 3 becomes -2 in place of -3, and -7 % 3 becomes -1 in place of 2. Of floats both are right.
# Exits 0 while this holds, 1 when it has changed. Needs python3 with venv and a package index; leaves nothing behind.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check tensorflow==2.21.0 tf2onnx==1.17.0 onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
cat > "$folder/tf2onnx_integer_floor.py" <<'PYTHON'
import numpy as np
import onnxruntime
import tensorflow as tf
import tf2onnx

print("tensorflow", tf.__version__, "tf2onnx", tf2onnx.__version__)
differs = {}
for dtype in (np.int32, np.int64, np.float32):
    numbers = np.array([-7, -6, -1, 0, 1, 7], dtype)
    for name, operation in (("//", tf.math.floordiv), ("%", tf.math.floormod)):
        signature = [tf.TensorSpec(numbers.shape, dtype, "numbers")]
        function = tf.function(lambda values: operation(values, np.array(3, values.dtype.as_numpy_dtype)), signature)
        model, _ = tf2onnx.convert.from_function(function, signature, opset=18)
        answer = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"numbers": numbers})[0]
        wanted = function(numbers).numpy()
        differs[dtype.__name__, name] = not np.array_equal(answer, wanted)
        print(f"{dtype.__name__} {numbers} {name} 3: TensorFlow {wanted}, ONNX {answer}")
raise SystemExit([key for key, wrong in differs.items() if wrong] != [(t, n) for t in ("int32", "int64") for n in "// %".split()])
PYTHON
KERAS_BACKEND=tensorflow TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" "$folder/tf2onnx_integer_floor.py"
