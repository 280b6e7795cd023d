"""A classifier that lives long keeps its memory, whatever batches it gets."""

from __future__ import annotations

import numpy as np
import psutil
import pytest
from fuzzing import FACTOR

from fer_zoo import load_classifier

# Of activations of one image of fernet_base, 0.8 MB; 256 of them in one call took 193 MB.
_MOST_MB = 60


@pytest.mark.parametrize("name", ["fernet_base:onnx:int8", "baseline_cnn:tflite:int8"])
def test_mixed_batches_take_no_more_than_a_small_one(name: str) -> None:
    process, rng = psutil.Process(), np.random.default_rng(40)
    faces = rng.integers(0, 256, (300, 48, 48), np.uint8)
    with load_classifier(name, threads=1) as classifier:
        whole = classifier.predict_proba(faces[:2])
        before = process.memory_info().rss
        for size in [300, *rng.geometric(0.05, round(10 * FACTOR)).clip(1, 300)]:
            classifier.predict_proba(faces[:size])
        assert process.memory_info().rss - before < _MOST_MB * 1e6
        np.testing.assert_allclose(classifier.predict_proba(faces[:2]), whole, atol=1e-6)
