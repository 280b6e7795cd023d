"""A Keras model's predictions for any number of images."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from fer_zoo.sharding import shard_batch, whole


class Predictor:
    """Computes a Keras model's outputs without moving its weights.

    Used in place of `model.predict`, which on JAX takes the weights out of the model while it runs: if it is
    interrupted, or its input raises an exception, the model is left without weights.

    Args:
        model: A model with one input; each call uses the weights that the model has at that time.
    """

    def __init__(self, model: keras.Model) -> None:
        self._compute = _on_jax(model) if keras.backend.backend() == "jax" else model.predict_on_batch

    def __call__(self, inputs: np.ndarray, batch_size: int = 256) -> np.ndarray:
        """The outputs, float32 `[n, ...]`, of a model with one output.

        Args:
            inputs: `[n, ...]`, numbers of any type; one batch at a time is converted to float32.
            batch_size: Size of a batch. The last batch is filled up with zeros, so that all have one shape and the
                model is compiled once. Fewer inputs than `batch_size` are filled up to a power of two.
        """
        batch_size = min(batch_size, 1 << (len(inputs) - 1).bit_length())
        parts = [
            self.batch(inputs[start : start + batch_size], batch_size) for start in range(0, len(inputs), batch_size)
        ]
        return np.concatenate(parts)

    def batch(self, inputs: np.ndarray, batch_size: int) -> Any:
        """The outputs for one batch of at most `batch_size`, in the structure of the model's output."""
        count = len(inputs)
        filled = np.zeros((batch_size, *inputs.shape[1:]), np.float32)
        filled[:count] = inputs
        return keras.tree.map_structure(lambda output: np.asarray(output)[:count], self._compute(filled))


def _on_jax(model: keras.Model) -> Callable[[np.ndarray], Any]:
    import jax

    # `predict_on_batch` would donate the weights' buffers to the call and put them back afterwards.
    @jax.jit
    def compute(trainable: list[jax.Array], others: list[jax.Array], inputs: jax.Array) -> Any:
        return whole(model.stateless_call(trainable, others, shard_batch(inputs), training=False)[0])

    def run(inputs: np.ndarray) -> Any:
        trainable, others = ([v.value for v in vs] for vs in (model.trainable_variables, model.non_trainable_variables))
        return compute(trainable, others, inputs)

    return run
