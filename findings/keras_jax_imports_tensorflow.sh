#!/usr/bin/env bash
# Keras on JAX imports TensorFlow, where it happens to be installed, as soon as a model's settings are read
# (`get_config`, and so `save` and `clone_model`): the serializer of a layer's settings asks whether values are
# TensorFlow's. That costs seconds and hundreds of megabytes in a program that never uses it.
# Exits non-zero if that behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q keras==3.15.1 jax==0.10.2 tensorflow==2.21.0
cat > "$folder/imports.py" <<'PYTHON'
import os
import resource
import sys
import time

os.environ["KERAS_BACKEND"] = "jax"
import jax
import keras
import numpy as np

print("keras", keras.__version__, "on", keras.backend.backend(), jax.__version__)


def memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


model = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(1)])
model(np.ones((2, 3), "float32"))
before = "tensorflow" in sys.modules
start, megabytes = time.process_time(), memory()
model.get_config()
after = "tensorflow" in sys.modules
print(f"TensorFlow imported: {before} after building and calling a model, {after} after get_config(), which took "
      f"{time.process_time() - start:.1f} s of CPU time and {memory() - megabytes} MB")
raise SystemExit((before, after) != (False, True))
PYTHON
"$folder/venv/bin/python" "$folder/imports.py" 2>/dev/null
