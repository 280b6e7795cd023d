#!/usr/bin/env bash
# `keras.ops.argmax` of floats on TensorFlow can be exported neither to TFLite nor, by tf2onnx, to ONNX: Keras looks at
# the sign bits of its input first, which takes operations that neither format has (Bitcast, BitwiseAnd). A classifier
# that returns the number of its best class converts with tf.argmax in its place, and with integers.
# Exits 0 while this holds, 1 when it has changed. Needs python3 with venv and a package index; leaves nothing behind.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check keras==3.15.1 tensorflow==2.21.0 ai-edge-litert==2.3.0 tf2onnx==1.17.0 onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
cat > "$folder/keras_argmax_not_exported.py" <<'PYTHON'
import logging

import keras
import numpy as np
import onnxruntime
import tensorflow as tf
import tf2onnx

logging.disable(logging.ERROR)
print("keras", keras.__version__, "tensorflow", tf.__version__, "tf2onnx", tf2onnx.__version__)


def tflite(function: tf.types.experimental.PolymorphicFunction) -> None:
    tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()], tf.Module()).convert()


def onnx(function: tf.types.experimental.PolymorphicFunction) -> None:
    model, _ = tf2onnx.convert.from_function(function, function.input_signature, opset=18)
    onnxruntime.InferenceSession(model.SerializeToString())


operations = {
    "keras.ops.argmax": lambda scores: keras.ops.argmax(scores, axis=1),
    "keras.ops.argmax of int32": lambda scores: keras.ops.argmax(keras.ops.cast(scores, "int32"), axis=1),
    "tf.argmax": lambda scores: tf.argmax(scores, axis=1, output_type=tf.int32),
}
works = {}
for name, operation in operations.items():
    function = tf.function(operation, input_signature=[tf.TensorSpec((1, 7), tf.float32, "scores")])
    for convert in (tflite, onnx):
        try:
            convert(function)
            works[name, convert.__name__] = True
            print(f"{name} to {convert.__name__}: works")
        except Exception as error:
            works[name, convert.__name__] = False
            cause = next(line for line in str(error).splitlines() if "error:" in line or "INVALID_GRAPH" in line)
            print(f"{name} to {convert.__name__}: {type(error).__name__}: {cause[:150]}")
assert np.argmax([1, 3, 2]) == int(keras.ops.argmax(np.array([1.0, 3.0, 2.0], "float32")))
raise SystemExit([name for (name, _), fine in works.items() if not fine] != ["keras.ops.argmax"] * 2)
PYTHON
KERAS_BACKEND=tensorflow TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" "$folder/keras_argmax_not_exported.py"
