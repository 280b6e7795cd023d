"""A classifier in somebody else's program: shared by threads, sent to other processes, descriptors left alone."""

from __future__ import annotations

import os
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from fer_zoo import FaceDetector, load_classifier, load_dataset
from fer_zoo.console import native_messages_dropped
from fer_zoo.errors import FerZooError
from fer_zoo.inference import Classifier
from fer_zoo.pictures import PictureError

FILES = [
    pytest.param("fernet_nano:onnx:int8", None, id="onnx"),
    pytest.param("fernet_nano:tflite:int8", None, id="tflite"),
    pytest.param("fernet_nano:onnx:int8", "openvino", id="openvino"),
]


def _load(name: str, runtime: str | None) -> Classifier:
    pytest.importorskip({"openvino": "openvino"}.get(runtime or "", "ai_edge_litert" if "tflite" in name else "numpy"))
    return load_classifier(name, runtime=runtime)


@pytest.mark.parametrize(("name", "runtime"), FILES)
def test_threads_that_share_a_classifier_get_the_right_answers(name: str, runtime: str | None) -> None:
    classifier = _load(name, runtime)
    images = load_dataset().subset("test").images[:48]
    # Batches of two sizes, so that each call may find the other one prepared.
    parts = [np.arange(start, start + 1 + start % 3) for start in range(0, 45, 3)]
    expected = [classifier.predict_proba(images[part]) for part in parts]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda part: classifier.predict_proba(images[part]), parts * 6))
    for answers, right in zip(found, expected * 6, strict=True):
        np.testing.assert_array_equal(answers, right)


@pytest.mark.parametrize(("name", "runtime"), FILES)
def test_a_classifier_can_be_pickled_and_opens_its_file_when_it_is_needed(name: str, runtime: str | None) -> None:
    classifier = _load(name, runtime)
    images = load_dataset().subset("test").images[:3]
    copy = pickle.loads(pickle.dumps(classifier))
    assert copy._loaded is None
    assert (copy.path, copy.labels, copy.runtime) == (classifier.path, classifier.labels, classifier.runtime)
    np.testing.assert_array_equal(copy.predict_proba(images), classifier.predict_proba(images))


def test_a_detector_and_errors_can_be_pickled() -> None:
    assert pickle.loads(pickle.dumps(FaceDetector(size=320))).size == 320
    for error in (PictureError("a.png", "is empty"), FerZooError("a sentence")):
        assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_a_library_call_leaves_the_descriptors_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ai_edge_litert")

    def refuse(*_: object) -> None:
        raise AssertionError("a descriptor was replaced")

    with monkeypatch.context() as patched:
        patched.setattr(os, "dup2", refuse)
        classifier = load_classifier("fernet_nano:tflite:int8")
        for count in (1, 2):
            classifier.predict_proba(np.zeros((count, 48, 48), np.uint8))
        with native_messages_dropped():
            pass
