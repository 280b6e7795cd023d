"""Seeds the random numbers that Keras draws by itself from the run's seed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import keras


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Derive initial weights and dropout from `seed` within the context; afterwards global generators are restored.

    Keras seeds each initializer and dropout layer from Python's `random`; on torch, dropout draws from torch's global
    generator. `keras.utils.set_random_seed` would set more of them, for good, and import TensorFlow on every backend.
    """
    python = random.getstate()
    random.seed(seed)
    try:
        if keras.backend.backend() == "torch":
            import torch

            with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
                torch.manual_seed(seed)
                yield
        else:
            yield
    finally:
        random.setstate(python)
