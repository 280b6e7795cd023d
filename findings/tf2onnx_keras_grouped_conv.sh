#!/usr/bin/env bash
# A grouped convolution of Keras on TensorFlow cannot be converted by tf2onnx: Keras wraps it in a function that XLA
# compiles (`jit_compile=True`), which tf2onnx leaves as a call. Its node StatefulPartitionedCall is in the ONNX file,
# which tf2onnx returns, and ONNX Runtime refuses. The same convolution by tf.nn.conv2d becomes a Conv with a group.
# Exits 0 while this holds, 1 when it has changed. Needs python3 with venv and a package index; leaves nothing behind.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check keras==3.15.1 tensorflow==2.21.0 tf2onnx==1.17.0 onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
cat > "$folder/tf2onnx_keras_grouped_conv.py" <<'PYTHON'
import logging

import keras
import numpy as np
import onnxruntime
import tensorflow as tf
import tf2onnx

logging.disable(logging.ERROR)
print("keras", keras.__version__, "tensorflow", tf.__version__, "tf2onnx", tf2onnx.__version__)
image = np.random.default_rng(0).normal(size=(1, 6, 6, 4)).astype("float32")
layer = keras.layers.Conv2D(8, 3, groups=2, use_bias=False)
layer.build(image.shape)
signature = [tf.TensorSpec(image.shape, tf.float32, "image")]
works = {}
for name, operation in (
    ("keras.layers.Conv2D(groups=2)", lambda x: layer(x)),
    ("tf.nn.conv2d", lambda x: tf.nn.conv2d(x, layer.kernel.value, 1, "VALID")),
):
    model, _ = tf2onnx.convert.from_function(tf.function(operation, signature), signature, opset=18)
    print(name, "becomes", [node.op_type for node in model.graph.node])
    try:
        answer = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"image": image})[0]
        works[name] = bool(np.allclose(answer, np.asarray(layer(image)), atol=1e-5))
        print("  largest difference from Keras", float(np.abs(answer - np.asarray(layer(image))).max()))
    except Exception as error:
        works[name] = False
        print("  ", type(error).__name__, str(error)[:160])
raise SystemExit(list(works.values()) != [False, True])
PYTHON
KERAS_BACKEND=tensorflow TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" "$folder/tf2onnx_keras_grouped_conv.py"
