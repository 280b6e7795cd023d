#!/usr/bin/env bash
# `keras.ops.image.map_coordinates` with fill_mode="reflect" gives other numbers on TensorFlow than on JAX, PyTorch and
# in SciPy for coordinates below zero: one place off, so that -1 takes the second value in place of the first. Its mode
# "mirror" raises an error on TensorFlow for coordinates beyond the array.
# Exits 0 while this holds, 1 when it has changed. Needs python3 with venv and a package index; leaves nothing behind.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check keras==3.15.1 tensorflow==2.21.0 jax==0.10.2 torch==2.13.0 scipy==1.17.1 numpy==2.4.6
cat > "$folder/keras_tensorflow_map_coordinates_reflect.py" <<'PYTHON'
import keras
import numpy as np
import scipy.ndimage

backend = keras.backend.backend()
values = np.arange(4, dtype="float32")
coordinates = np.arange(-4, 8, dtype="float32")[None]
found = {}
for mode in ("reflect", "mirror"):
    wanted = scipy.ndimage.map_coordinates(values, coordinates, order=1, mode=mode)
    try:
        answer = keras.ops.image.map_coordinates(values, coordinates, order=1, fill_mode=mode)
        found[mode] = bool(np.array_equal(keras.ops.convert_to_numpy(answer), wanted))
        print(f"keras {keras.__version__} on {backend}, {mode}: {keras.ops.convert_to_numpy(answer)}, SciPy {wanted}")
    except Exception as error:
        found[mode] = False
        print(f"keras {keras.__version__} on {backend}, {mode}: {type(error).__name__}, SciPy {wanted}")
raise SystemExit(found != dict.fromkeys(found, backend != "tensorflow"))
PYTHON
KERAS_BACKEND=tensorflow TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" "$folder/keras_tensorflow_map_coordinates_reflect.py"
KERAS_BACKEND=jax TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" "$folder/keras_tensorflow_map_coordinates_reflect.py"
KERAS_BACKEND=torch TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" "$folder/keras_tensorflow_map_coordinates_reflect.py"
