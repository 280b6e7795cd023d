"""A model's outputs for any number of inputs; its weights stay, whatever ends the computation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from workers import Workers

from fer_zoo.backend import BACKENDS


class Interrupted(np.ndarray):
    """An array whose second batch ends with Ctrl-C."""

    def __getitem__(self, index: object) -> np.ndarray:
        if isinstance(index, slice) and index.start:
            raise KeyboardInterrupt
        return np.asarray(super().__getitem__(index))


def outputs_and_interruption(folder: Path) -> tuple[np.ndarray, np.ndarray, bool]:
    """Outputs in batches of 4 and at once, and whether an interrupted model is saved with the weights it had."""
    import keras

    from fer_zoo.inference.predictor import Predictor

    model = keras.Sequential([keras.layers.Input((5,)), keras.layers.Dense(3), keras.layers.BatchNormalization()])
    inputs = np.random.default_rng(0).normal(size=(7, 5))
    weights = model.get_weights()
    with pytest.raises(KeyboardInterrupt):
        Predictor(model)(inputs.view(Interrupted), batch_size=4)
    model.save(folder / "model.keras")
    saved = keras.models.load_model(folder / "model.keras").get_weights()
    same = all(np.array_equal(a, b) for a, b in zip(weights, saved, strict=True))
    return Predictor(model)(inputs, batch_size=4), keras.ops.convert_to_numpy(model(inputs)), same


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_interrupted_prediction_leaves_the_weights(backend: str, on_backend: Workers, tmp_path: Path) -> None:
    in_batches, at_once, same_weights = on_backend(backend, outputs_and_interruption, tmp_path)
    np.testing.assert_allclose(in_batches, at_once, atol=1e-6)
    assert in_batches.shape == (7, 3)
    assert same_weights
