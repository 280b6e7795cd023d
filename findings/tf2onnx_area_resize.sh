#!/usr/bin/env bash
# tf2onnx converts a resize by the area method to one by the nearest neighbour, without a warning: Keras' Resizing
# layer with interpolation="area" averages 2x2 pixels where the ONNX file takes one of them.
# Exits 0 while this holds, 1 when it has changed. Needs python3 with venv and a package index; leaves nothing behind.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check keras==3.15.1 tensorflow==2.21.0 tf2onnx==1.17.0 onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
cat > "$folder/tf2onnx_area_resize.py" <<'PYTHON'
import keras
import numpy as np
import onnxruntime
import tensorflow as tf
import tf2onnx

print("keras", keras.__version__, "tensorflow", tf.__version__, "tf2onnx", tf2onnx.__version__)
image = np.arange(16, dtype="float32").reshape(1, 4, 4, 1)
layer = keras.layers.Resizing(2, 2, interpolation="area")
signature = [tf.TensorSpec(image.shape, tf.float32, "image")]
model, _ = tf2onnx.convert.from_function(tf.function(layer, input_signature=signature), signature, opset=18)
modes = [attribute.s for node in model.graph.node if node.op_type == "Resize" for attribute in node.attribute]
answer = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"image": image})[0]
print("image:", image.ravel())
print("Keras:", np.asarray(layer(image)).ravel())
print("ONNX: ", answer.ravel(), "attributes of Resize:", modes)
np.testing.assert_allclose(np.asarray(layer(image)).ravel(), [2.5, 4.5, 10.5, 12.5])
raise SystemExit(answer.ravel().tolist() != [0, 2, 8, 10] or b"nearest" not in modes)
PYTHON
KERAS_BACKEND=tensorflow TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" "$folder/tf2onnx_area_resize.py"
