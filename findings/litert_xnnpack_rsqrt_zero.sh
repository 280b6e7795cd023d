#!/usr/bin/env bash
# LiteRT's default kernels (the XNNPACK delegate, on x86) give NaN for 1/sqrt(0), where its reference kernels and
# TensorFlow give infinity. Keras' UnitNormalization, which caps that value, returns NaN for a vector of zeros, as
# behind a ReLU or at a padded border, and with it the whole network. The converter makes RSQRT of 1 / sqrt(x), too.
# Exits 0 while this holds, 1 when it has changed. Needs python3 with venv and a package index; leaves nothing behind.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check keras==3.15.1 tensorflow==2.21.0 ai-edge-litert==2.3.0 numpy==2.4.6
cat > "$folder/litert_xnnpack_rsqrt_zero.py" <<'PYTHON'
import keras
import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter, OpResolverType

print("keras", keras.__version__, "tensorflow", tf.__version__)
values = np.zeros((1, 8), "float32")
values[0, 0] = 4
vectors = np.zeros((1, 2, 4), "float32")
vectors[0, 0] = 1
cases = {
    "rsqrt": (tf.math.rsqrt, values),
    "1 / sqrt": (lambda x: 1 / tf.sqrt(x), values),
    "UnitNormalization": (keras.layers.UnitNormalization(), vectors),
}
wrong = {}
for name, (operation, data) in cases.items():
    function = tf.function(operation, [tf.TensorSpec(data.shape)], autograph=False).get_concrete_function()
    content = tf.lite.TFLiteConverter.from_concrete_functions([function], tf.Module()).convert()
    wanted = np.asarray(function(tf.constant(data)))
    for kernels in (OpResolverType.BUILTIN, OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES):
        interpreter = Interpreter(model_content=content, experimental_op_resolver_type=kernels)
        interpreter.allocate_tensors()
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], data)
        interpreter.invoke()
        answer = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
        wrong[name, kernels] = bool(np.isnan(answer).any())
        print(f"{name}, {kernels.name}: {answer.ravel()}, TensorFlow {wanted.ravel()}")
raise SystemExit([key[1] for key, is_nan in wrong.items() if is_nan] != [OpResolverType.BUILTIN] * 3)
PYTHON
KERAS_BACKEND=tensorflow TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" "$folder/litert_xnnpack_rsqrt_zero.py"
