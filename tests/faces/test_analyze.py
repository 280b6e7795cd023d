from __future__ import annotations

import numpy as np
import pytest

from fer_zoo.contract import EXPRESSIONS
from fer_zoo.errors import UsageError
from fer_zoo.faces import FaceDetector, FaceExpression, crop_face
from fer_zoo.inference import Classifier, load_classifier


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return load_classifier("baseline_cnn")


def test_every_face_of_a_photo_with_its_expression(classifier, photos):
    photo = np.concatenate([photos["astronaut.png"], np.zeros((512, 40, 3), np.uint8), photos["astronaut.png"]], axis=1)
    found = classifier.analyze(photo)
    assert len(found) == 2
    for face in found:
        assert isinstance(face, FaceExpression)
        assert (face.landmarks.shape, face.probabilities.shape) == ((5, 2), (7,))
        np.testing.assert_allclose(face.probabilities, classifier.predict_proba(crop_face(photo, face))[0], atol=1e-6)
        assert face.label == EXPRESSIONS[face.probabilities.argmax()] == "happy"
    assert sorted(round(face.box[0] / 552) for face in found) == [0, 1]


def test_a_photo_without_faces(classifier):
    assert classifier.analyze(np.zeros((100, 100), np.uint8)) == []


def test_a_detector_of_ones_own(classifier, photos):
    assert classifier.analyze(photos["astronaut.png"], FaceDetector(score_threshold=0.99)) == []


def test_a_stack_of_photos_is_refused(classifier):
    with pytest.raises(UsageError, match="an image must be uint8"):
        classifier.analyze(np.zeros((2, 48, 48, 3), np.uint8))
