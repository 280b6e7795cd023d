#!/usr/bin/env bash
# tf2onnx converts tf.one_hot to ONNX's OneHot, which counts negative numbers from the end: a label of -1, for which
# TensorFlow gives zeros (an unknown or missing label), becomes the last class. Numbers beyond the last class give
# zeros in both.
# Exits 0 while this holds, 1 when it has changed. Needs python3 with venv and a package index; leaves nothing behind.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check tensorflow==2.21.0 tf2onnx==1.17.0 onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
cat > "$folder/tf2onnx_one_hot_negative.py" <<'PYTHON'
import numpy as np
import onnxruntime
import tensorflow as tf
import tf2onnx

print("tensorflow", tf.__version__, "tf2onnx", tf2onnx.__version__, "onnxruntime", onnxruntime.__version__)
labels = np.array([0, 3, 4, -1, -4, -5], "int32")
signature = [tf.TensorSpec(labels.shape, tf.int32, "labels")]
function = tf.function(lambda values: tf.one_hot(values, 4), signature)
model, _ = tf2onnx.convert.from_function(function, signature, opset=18)
answer = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"labels": labels})[0]
for label, wanted, found in zip(labels, function(labels).numpy(), answer):
    print(f"label {label:2}: TensorFlow {wanted}, ONNX {found}")
wrong = labels[(answer != function(labels).numpy()).any(axis=1)].tolist()
raise SystemExit(wrong != [-1, -4])
PYTHON
KERAS_BACKEND=tensorflow TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" "$folder/tf2onnx_one_hot_negative.py"
