#!/usr/bin/env bash
# Keras' AveragePooling2D with padding="same" gives other numbers on PyTorch than on TensorFlow and JAX where the
# padding is uneven, as for windows of 3 and strides of 2 on even maps: the last row and column count twice. A model
# trained on one backend answers differently on the other. (A later Keras mends it: keras-team/keras pull request
# 23233.)
# Exits 0 while this holds, 1 when it has changed. Needs python3 with venv and a package index; leaves nothing behind.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check keras==3.15.1 tensorflow==2.21.0 jax==0.10.2 torch==2.13.0 numpy==2.4.6
cat > "$folder/keras_torch_average_pooling_same.py" <<'PYTHON'
import keras
import numpy as np

backend = keras.backend.backend()
row = np.array([10, 20, 30, 40], "float32").reshape(1, 1, 4, 1)
answers = {}
for size, strides in ((2, 2), (3, 1), (3, 2), (4, 2)):
    pooled = keras.layers.AveragePooling2D((1, size), (1, strides), padding="same")(row)
    answers[size, strides] = [round(float(mean), 2) for mean in keras.ops.convert_to_numpy(pooled).ravel()]
    print(f"keras {keras.__version__} on {backend}, windows of {size}, strides of {strides}: {answers[size, strides]}")
wanted = {(2, 2): [15, 35], (3, 1): [15, 20, 30, 35], (3, 2): [20, 35], (4, 2): [20, 30]}
if backend == "torch":
    wanted[3, 2] = [20, 36.67]
raise SystemExit(answers != wanted)
PYTHON
KERAS_BACKEND=tensorflow TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" "$folder/keras_torch_average_pooling_same.py"
KERAS_BACKEND=jax TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" "$folder/keras_torch_average_pooling_same.py"
KERAS_BACKEND=torch TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" "$folder/keras_torch_average_pooling_same.py"
