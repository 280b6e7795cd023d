#!/usr/bin/env bash
# tf2onnx's `from_function` converts a Keras model that begins with a Normalization layer of vectors without its mean
# and variance: they are eager tensors, not variables, that the function captures. They become two more inputs of the
# ONNX graph, which ONNX Runtime loads and, at the first run, misses. By way of a SavedModel (`model.export`) they are
# constants.
# Exits 0 while this holds, 1 when it has changed. Needs python3 with venv and a package index; leaves nothing behind.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check keras==3.15.1 tensorflow==2.21.0 tf2onnx==1.17.0 onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
cat > "$folder/tf2onnx_keras_normalization.py" <<'PYTHON'
import subprocess
import sys
import tempfile

import keras
import numpy as np
import onnxruntime
import tensorflow as tf
import tf2onnx

print("keras", keras.__version__, "tensorflow", tf.__version__, "tf2onnx", tf2onnx.__version__)
data = np.random.default_rng(0).normal(3, 2, (64, 5)).astype("float32")
layer = keras.layers.Normalization()
layer.adapt(data)
inputs = keras.Input((5,))
network = keras.Model(inputs, layer(inputs))
with tempfile.TemporaryDirectory() as folder:
    signature = [tf.TensorSpec((None, 5), tf.float32, "data")]
    function = tf.function(lambda batch: network(batch, training=False), input_signature=signature)
    tf2onnx.convert.from_function(function, signature, opset=18, output_path=f"{folder}/from_function.onnx")
    network.export(f"{folder}/saved", verbose=False)
    command = [sys.executable, "-m", "tf2onnx.convert", "--saved-model", f"{folder}/saved"]
    subprocess.run([*command, "--output", f"{folder}/saved_model.onnx"], check=True, capture_output=True)
    works = {}
    for name in ("from_function", "saved_model"):
        session = onnxruntime.InferenceSession(f"{folder}/{name}.onnx")
        names = [node.name for node in session.get_inputs()]
        print(f"{name}: inputs {names}")
        try:
            answer = session.run(None, {names[0]: data})[0]
            works[name] = bool(np.allclose(answer, np.asarray(network(data)), atol=1e-5))
            print("  runs, largest difference from Keras", float(np.abs(answer - np.asarray(network(data))).max()))
        except ValueError as error:
            works[name] = False
            print("  ", error)
raise SystemExit(works != {"from_function": False, "saved_model": True})
PYTHON
KERAS_BACKEND=tensorflow TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" "$folder/tf2onnx_keras_normalization.py"
