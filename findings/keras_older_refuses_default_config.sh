#!/usr/bin/env bash
# Keras 3.15 writes settings that have their default value into .keras files, and Keras 3.14 and older refuse a file
# for settings that they do not know. A plain Dense layer is enough. Without these settings in config.json the same
# file loads and gives the same answers.
#
# Exits 0 while this holds, 1 when it has changed. Needs python3 with venv and a package index; leaves nothing behind.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export KERAS_BACKEND=jax

python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check keras==3.15.1 jax==0.10.2 numpy==2.4.6
for version in 3.14.1 3.10.0; do
    "$folder/venv/bin/pip" install -q --disable-pip-version-check --no-deps --target "$folder/$version" "keras==$version"
done

cat >"$folder/save.py" <<'PYTHON'
import json, sys, zipfile
import keras

path, stripped = sys.argv[1:]
inputs = keras.Input((4,))
keras.Model(inputs, keras.layers.Dense(3)(inputs)).save(path)
new = {"input_axes": None, "output_axes": None, "quantization_config": None}


def without(config):
    if isinstance(config, list):
        return [without(part) for part in config]
    if not isinstance(config, dict):
        return config
    return {name: without(value) for name, value in config.items() if not (name in new and value == new[name])}


with zipfile.ZipFile(path) as source, zipfile.ZipFile(stripped, "w") as target:
    for name in source.namelist():
        data = source.read(name)
        target.writestr(name, json.dumps(without(json.loads(data))) if name == "config.json" else data)
PYTHON

cat >"$folder/load.py" <<'PYTHON'
import sys
import keras, numpy as np

try:
    model = keras.models.load_model(sys.argv[1])
    print("loads", np.round(np.asarray(model(np.ones((1, 4), "float32"))), 4).tolist())
except TypeError as error:
    print("refuses:", str(error).split("Exception encountered: ")[-1].splitlines()[0])
PYTHON

# An older Keras comes before the newest one in the search path of modules.
load() { PYTHONPATH="$folder/$1" "$folder/venv/bin/python" "$folder/load.py" "$folder/$2.keras"; }

"$folder/venv/bin/python" "$folder/save.py" "$folder/plain.keras" "$folder/stripped.keras"
expected=$(load none plain)
echo "Keras 3.15.1, its own file: $expected"
status=0
for version in 3.14.1 3.10.0; do
    plain=$(load "$version" plain)
    stripped=$(load "$version" stripped)
    echo "Keras $version, the file of 3.15.1: $plain"
    echo "Keras $version, without the new settings: $stripped"
    [[ $plain == refuses* && $stripped == "$expected" ]] || status=1
done
((status == 0)) && echo "still so" || echo "changed"
exit $status
