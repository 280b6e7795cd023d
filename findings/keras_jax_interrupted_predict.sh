#!/usr/bin/env bash
# On JAX, a Keras model whose `predict` or `evaluate` is interrupted (Ctrl-C, or an exception of the input or of a
# callback) has no weights afterwards: they are taken out while it runs and put back only where it ends well. `fit` puts
# them back. Exits non-zero if that behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q keras==3.15.1 jax==0.10.2 numpy==2.4.6
cat > "$folder/interrupted.py" <<'PYTHON'
import os

os.environ["KERAS_BACKEND"] = "jax"
import jax
import keras
import numpy as np

print("keras", keras.__version__, "jax", jax.__version__)


class Interrupt(keras.callbacks.Callback):
    """Ctrl-C after the first batch."""

    def on_train_batch_end(self, batch, logs=None):
        raise KeyboardInterrupt

    on_test_batch_end = on_predict_batch_end = on_train_batch_end


inputs, targets = np.ones((8, 3), "float32"), np.ones((8, 1), "float32")
lost = []
for name in ("fit", "evaluate", "predict"):
    model = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    data = (inputs,) if name == "predict" else (inputs, targets)
    try:
        getattr(model, name)(*data, batch_size=4, verbose=0, callbacks=[Interrupt()])
    except KeyboardInterrupt:
        pass
    try:
        print(name, "interrupted: get_weights() gives", [weight.shape for weight in model.get_weights()])
    except Exception as error:
        lost.append(name)
        print(name, "interrupted: get_weights() raises", type(error).__name__, error)
raise SystemExit(lost != ["evaluate", "predict"])
PYTHON
"$folder/venv/bin/python" "$folder/interrupted.py" 2>&1
