"""The features before the logits."""

from __future__ import annotations

import re
import sys
import warnings

import numpy as np
import pytest
from workers import Workers

from fer_zoo.data import load_dataset
from fer_zoo.errors import UsageError
from fer_zoo.inference import Classifier, load_classifier
from fer_zoo.zoo import load_manifest, load_model, trained_models

pytest.importorskip("onnx")


@pytest.fixture(scope="module")
def faces() -> np.ndarray:
    return load_dataset().subset("test").images[::700]


@pytest.mark.parametrize("name", ["baseline_cnn", "fernet_nano", "fernet_tiny"])
def test_the_keras_logits_layer_makes_the_answers_of_the_features(name: str, faces: np.ndarray) -> None:
    pytest.importorskip("keras")
    kernel, bias = load_model(name).get_layer("logits").get_weights()
    classifier = load_classifier(name)
    features = classifier.embed(faces)
    scores = np.exp(features @ kernel + bias)
    assert features.dtype == np.float32
    np.testing.assert_allclose(scores / scores.sum(1, keepdims=True), classifier.predict_proba(faces), atol=1e-5)


def test_keras_and_onnx_files_give_the_same_features(faces: np.ndarray) -> None:
    pytest.importorskip("keras")
    features = load_classifier("fernet_nano").embed(faces)
    np.testing.assert_allclose(load_classifier("fernet_nano:keras").embed(faces), features, atol=1e-5)
    np.testing.assert_allclose(load_classifier("fernet_nano").embed(faces, batch_size=3), features, atol=1e-5)
    assert load_classifier("fernet_nano").embed(faces[:0]).shape == (0, 128)


def embedded_without_warnings(faces: np.ndarray) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        return load_classifier("fernet_nano:keras").embed(faces)


def test_keras_on_torch_gives_them_without_a_warning(faces: np.ndarray, on_backend: Workers) -> None:
    features = on_backend("torch", embedded_without_warnings, np.array(faces))
    np.testing.assert_allclose(features, load_classifier("fernet_nano").embed(faces), atol=1e-5)


def test_their_number_is_the_documented_one(faces: np.ndarray) -> None:
    name = r"[a-z]\w*_\w+"
    listed = re.findall(rf"(\d+) for ({name}(?:(?:,\s+|\s+and\s+){name})*)", str(Classifier.embed.__doc__))
    sizes = {model: int(size) for size, names in listed for model in re.findall(name, names)}
    models = [model for model in trained_models() if model.architecture != "ensemble"]
    assert {model.architecture for model in models} == set(sizes)
    here = {artifact.model for artifact in load_manifest() if (artifact.format, artifact.precision) == ("onnx", "int8")}
    for model in models:
        if model.name in here:
            features = load_classifier(f"{model.name}:onnx:int8").embed(faces[:1])
            assert features.shape == (1, sizes[model.architecture])


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("fernet_ensemble:onnx:int8", "averages several models"),
        ("fernet_nano:tflite:int8", "litert gives no features; load the model's ONNX or Keras file"),
    ],
)
def test_a_model_without_features_says_so(model: str, message: str, faces: np.ndarray) -> None:
    if "tflite" in model:
        pytest.importorskip("ai_edge_litert")
    with pytest.raises(UsageError, match=message):
        load_classifier(model).embed(faces)


def test_without_onnx_it_names_the_command(faces: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(UsageError, match=r"onnx is not installed; run `pip install 'fer-zoo\[embed\]'`"):
        load_classifier("fernet_nano").embed(faces)
