#!/usr/bin/env bash
# `keras.ops.image.gaussian_blur` without `data_format` blurs the wrong axes on JAX and PyTorch: height is left sharp,
# and the blur runs over width and channels, so that a red picture becomes partly green. Given "channels_last", which
# is the default, all three backends agree. (A later Keras than this mends it: keras-team/keras pull request 23542.)
# Exits 0 while this holds, 1 when it has changed. Needs python3 with venv and a package index; leaves nothing behind.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check keras==3.15.1 tensorflow==2.21.0 jax==0.10.2 torch==2.13.0 numpy==2.4.6
cat > "$folder/keras_gaussian_blur_axes.py" <<'PYTHON'
import keras
import numpy as np

keras_version, backend = keras.__version__, keras.backend.backend()
red = np.zeros((1, 7, 7, 3), "float32")
red[0, 3, 3, 0] = 1
shape = {}
for name, options in (("default", {}), ("channels_last", {"data_format": "channels_last"})):
    blurred = keras.ops.convert_to_numpy(keras.ops.image.gaussian_blur(red, (3, 3), (1.0, 1.0), **options))[0]
    shape[name] = [tuple(map(int, np.ptp(np.argwhere(blurred > 0), axis=0) + 1)), round(float(blurred[..., 1].sum()), 3)]
    print(f"keras {keras_version} on {backend}, {name}: a red point becomes {shape[name][0]} pixels (height, width, "
          f"channels), its green sums to {shape[name][1]}")
right, wrong = [(3, 3, 1), 0.0], [(1, 3, 2), 0.274]
raise SystemExit(shape != {"default": right if backend == "tensorflow" else wrong, "channels_last": right})
PYTHON
KERAS_BACKEND=tensorflow TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" "$folder/keras_gaussian_blur_axes.py"
KERAS_BACKEND=jax TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" "$folder/keras_gaussian_blur_axes.py"
KERAS_BACKEND=torch TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" "$folder/keras_gaussian_blur_axes.py"
