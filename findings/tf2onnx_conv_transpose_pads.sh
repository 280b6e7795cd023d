#!/usr/bin/env bash
# tf2onnx writes a transposed convolution whose strides are larger than its kernel (2x2 weights, strides of 3:
# upsampling with gaps) with negative pads, which ONNX does not allow: the conversion ends without an error, and
# neither ONNX's checker with shape inference nor ONNX Runtime takes the file.
# Exits 0 while this holds, 1 when it has changed. Needs python3 with venv and a package index; leaves nothing behind.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check tensorflow==2.21.0 tf2onnx==1.17.0 onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
cat > "$folder/tf2onnx_conv_transpose_pads.py" <<'PYTHON'
import logging

import numpy as np
import onnx
import onnxruntime
import tensorflow as tf
import tf2onnx

logging.disable(logging.ERROR)
print("tensorflow", tf.__version__, "tf2onnx", tf2onnx.__version__, "onnxruntime", onnxruntime.__version__)
weights = tf.constant(np.arange(4, dtype="float32").reshape(2, 2, 1, 1))
signature = [tf.TensorSpec((1, 4, 4, 1), tf.float32, "image")]
loads = {}
for strides in (1, 2, 3):
    size = 4 * strides
    function = tf.function(lambda x: tf.nn.conv2d_transpose(x, weights, (1, size, size, 1), strides), signature)
    model, _ = tf2onnx.convert.from_function(function, signature, opset=18)
    pads = [list(a.ints) for n in model.graph.node if n.op_type == "ConvTranspose" for a in n.attribute if a.name == "pads"]
    loads[strides] = True
    for name, load in (
        ("checker", lambda: onnx.checker.check_model(model, full_check=True)),
        ("ONNX Runtime", lambda: onnxruntime.InferenceSession(model.SerializeToString())),
    ):
        try:
            load()
        except Exception as error:
            loads[strides] = False
            print(f"strides {strides}: {name}: {type(error).__name__}: {str(error).splitlines()[-1][:160]}")
    print(f"strides {strides}: pads {pads}, {'loads' if loads[strides] else 'does not load'}")
raise SystemExit(loads != {1: True, 2: True, 3: False})
PYTHON
KERAS_BACKEND=tensorflow TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" "$folder/tf2onnx_conv_transpose_pads.py"
