#!/usr/bin/env bash
# tf2onnx cannot convert Keras' gelu, nor its celu: TensorFlow computes them by Erfc and Expm1, which tf2onnx does not
# know and leaves in the file that it returns. Keras' approximate gelu, elu, selu and silu are converted.
# Exits 0 while this holds, 1 when it has changed. Needs python3 with venv and a package index; leaves nothing behind.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check keras==3.15.1 tensorflow==2.21.0 tf2onnx==1.17.0 onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
cat > "$folder/tf2onnx_keras_gelu.py" <<'PYTHON'
import logging

import keras
import numpy as np
import onnxruntime
import tensorflow as tf
import tf2onnx

logging.disable(logging.ERROR)
print("keras", keras.__version__, "tensorflow", tf.__version__, "tf2onnx", tf2onnx.__version__)
values = np.linspace(-4, 4, 33, dtype="float32")
signature = [tf.TensorSpec(values.shape, tf.float32, "values")]
operations = {name: getattr(keras.ops, name) for name in ("celu", "elu", "selu", "silu")}
operations["gelu"] = lambda x: keras.ops.gelu(x, approximate=False)
operations["approximate gelu"] = lambda x: keras.ops.gelu(x, approximate=True)
fails = set()
for name, operation in operations.items():
    model, _ = tf2onnx.convert.from_function(tf.function(operation, signature), signature, opset=18)
    try:
        answer = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"values": values})[0]
        print(name, "largest difference from Keras", float(np.abs(answer - np.asarray(operation(values))).max()))
    except Exception as error:
        fails.add(name)
        print(name, type(error).__name__, [node.op_type for node in model.graph.node if node.op_type in ("Erfc", "Expm1")])
raise SystemExit(fails != {"gelu", "celu"})
PYTHON
KERAS_BACKEND=tensorflow TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" "$folder/tf2onnx_keras_gelu.py"
