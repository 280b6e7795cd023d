#!/usr/bin/env bash
# TensorFlow's converter makes a TFLite file without the weights of a Keras 3 model where it is given a concrete
# function and the model itself, as it was for Keras 2: `TFLiteConverter.from_concrete_functions([function], model)`.
# It converts without an error, and the file reads variables that nothing has written (VAR_HANDLE and READ_VARIABLE, no
# constants). With a tf.Module that holds the same variables in place of the model the weights are in the file and the
# answers right.
# Exits 0 while this holds, 1 when it has changed. Needs python3 with venv and a package index; leaves nothing behind.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check keras==3.15.1 tensorflow==2.21.0 ai-edge-litert==2.3.0 numpy==2.4.6
cat > "$folder/keras_tflite_concrete_function.py" <<'PYTHON'
import keras
import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

print("keras", keras.__version__, "tensorflow", tf.__version__)
keras.utils.set_random_seed(0)
inputs = keras.Input((8, 8, 3))
model = keras.Model(inputs, keras.layers.Conv2D(64, 3, name="conv")(inputs))
image = np.ones((1, 8, 8, 3), "float32")
function = tf.function(lambda batch: model(batch, training=False)).get_concrete_function(tf.TensorSpec(image.shape))
holder = tf.Module()
holder.variables_ = [variable.value for variable in model.variables]
weights = sum(variable.numpy().nbytes for variable in model.variables)

found = {}
for name, trackable in (("the Keras model", model), ("a tf.Module", holder)):
    content = tf.lite.TFLiteConverter.from_concrete_functions([function], trackable).convert()
    interpreter = Interpreter(model_content=content)
    operators = sorted({operator["op_name"] for operator in interpreter._get_ops_details()})
    found[name] = len(content) >= weights, "READ_VARIABLE" in operators
    print(f"with {name}: {len(content)} bytes for {weights} of weights, operators {operators}")
    if not found[name][1]:
        interpreter.allocate_tensors()
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image)
        interpreter.invoke()
        answer = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
        print("  largest difference from Keras", float(np.abs(answer - model(image)).max()))
raise SystemExit(found != {"the Keras model": (False, True), "a tf.Module": (True, False)})
PYTHON
KERAS_BACKEND=tensorflow TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" "$folder/keras_tflite_concrete_function.py"
