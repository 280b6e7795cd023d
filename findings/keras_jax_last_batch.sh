#!/usr/bin/env bash
# Keras on JAX with DataParallel over two devices refuses the last batch of `fit`, `evaluate` and `predict` where the
# devices do not divide it, although `get_data_layout` gives such a batch a layout that would work.
# It asks for the layout at the first batch only. Exits non-zero if that behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q keras==3.15.1 jax==0.10.2 numpy==2.4.6
cat > "$folder/last_batch.py" <<'PYTHON'
import os

os.environ["KERAS_BACKEND"] = "jax"
import jax
import keras
import numpy as np

jax.config.update("jax_num_cpu_devices", 2)
print("keras", keras.__version__, "jax", jax.__version__, "devices", jax.device_count())


class Replicated(keras.distribution.DataParallel):
    """Cuts a batch only where the devices divide it."""

    asked = []

    def get_data_layout(self, shape):
        self.asked.append(shape[0])
        if shape[0] % 2:
            return keras.distribution.TensorLayout([None] * len(shape), self.device_mesh)
        return super().get_data_layout(shape)


distribution = Replicated(auto_shard_dataset=False)
keras.distribution.set_distribution(distribution)
model = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(1)])
model.compile("sgd", "mse")
inputs, targets = np.ones((7, 3), "float32"), np.ones((7, 1), "float32")
calls = {
    "fit": lambda: model.fit(inputs, targets, batch_size=4, verbose=0),
    "evaluate": lambda: model.evaluate(inputs, targets, batch_size=4, verbose=0),
    "predict": lambda: model.predict(inputs, batch_size=4, verbose=0),
}
refused = []
for name, call in calls.items():
    # A failed evaluate or predict leaves a model without weights, hence a new one each time.
    model = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    distribution.asked.clear()
    try:
        call()
        print(name, "of 7 images in batches of 4: works")
    except Exception as error:
        refused.append(name)
        print(name, "of 7 images in batches of 4:", type(error).__name__, str(error).splitlines()[0][:150])
    print("  sizes that get_data_layout was asked for:", sorted(set(distribution.asked)))
raise SystemExit(refused != list(calls))
PYTHON
"$folder/venv/bin/python" "$folder/last_batch.py" 2>&1
