from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from fer_zoo.errors import UsageError
from fer_zoo.inference import load_classifier

FACES = np.random.default_rng(0).integers(0, 256, (5, 48, 48), np.uint8)


def test_wrong_usage(tmp_path):
    with pytest.raises(UsageError, match="there is no runtime 'tensorrt'"):
        load_classifier("baseline_cnn", runtime="tensorrt")
    with pytest.raises(UsageError, match=r"OpenVINO runs \.onnx and \.tflite files"):
        load_classifier("baseline_cnn:keras", runtime="openvino")


@pytest.mark.skipif(importlib.util.find_spec("openvino") is not None, reason="OpenVINO is installed")
def test_it_is_told_that_openvino_is_missing():
    with pytest.raises(UsageError, match=r"pip install 'fer-zoo\[openvino\]'"):
        load_classifier("baseline_cnn", runtime="openvino")


@pytest.mark.parametrize("model", ["baseline_cnn:onnx", "baseline_cnn:onnx:int8", "baseline_cnn:tflite"])
def test_openvino_answers_as_the_own_runtime(model):
    pytest.importorskip("openvino")
    if model.split(":")[1] == "tflite":
        pytest.importorskip("ai_edge_litert")
    other = load_classifier(model, runtime="openvino")
    assert (other.runtime, other.input_shape) == ("openvino", (None, 48, 48, 1))
    expected = load_classifier(model).predict_proba(FACES)
    np.testing.assert_allclose(other.predict_proba(FACES, batch_size=2), expected, atol=0.02)
    # The answer of one query stays when the next is asked.
    first = other.run(FACES[:1, ..., None].astype(np.float32))
    other.run(FACES[1:2, ..., None].astype(np.float32))
    np.testing.assert_allclose(first, expected[:1], atol=0.02)
