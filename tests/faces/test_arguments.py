"""Whatever shows a photo is taken as one; anything else is refused in a sentence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fer_zoo.errors import FerZooError, UsageError
from fer_zoo.faces import FaceDetector, crop_face, read_photo
from fer_zoo.inference import Classifier, load_classifier, read_image


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return load_classifier("fernet_nano:onnx:int8")


@pytest.mark.parametrize("form", [str, Path, Path.read_bytes, Image.open])
def test_a_photo_in_any_form_gives_the_same_faces(classifier: Classifier, happy_photo: Path, form: Callable) -> None:
    [expected] = classifier.analyze(read_photo(happy_photo))
    [found] = classifier.analyze(form(happy_photo))
    assert (found.box, found.label) == (expected.box, "happy")
    np.testing.assert_array_equal(found.probabilities, expected.probabilities)
    [face] = FaceDetector().detect(form(happy_photo))
    np.testing.assert_array_equal(crop_face(form(happy_photo), face), crop_face(read_photo(happy_photo), face))


def test_a_pillow_image_is_turned_upright(happy_photo: Path) -> None:
    photo = Image.open(happy_photo)
    photo.getexif()[0x0112] = 6  # Orientation: turned by 90 degrees.
    np.testing.assert_array_equal(read_photo(photo), np.rot90(read_photo(happy_photo), -1))


def test_transparent_and_gray_pillow_images(classifier: Classifier, happy_photo: Path) -> None:
    photo = Image.open(happy_photo)
    for mode in ("RGBA", "L", "P"):
        assert [face.label for face in classifier.analyze(photo.convert(mode))] == ["happy"]


@pytest.mark.parametrize("form", [str, Image.open])
def test_photos_of_one_face_become_crops(classifier: Classifier, happy_photo: Path, form: Callable) -> None:
    crop = read_image(happy_photo)
    expected = classifier.predict_proba(np.stack([crop, crop]))
    np.testing.assert_array_equal(classifier.predict_proba(form(happy_photo)), expected[:1])
    np.testing.assert_array_equal(classifier.predict_proba([form(happy_photo), crop]), expected)
    np.testing.assert_array_equal(classifier.predict_proba([crop, crop]), expected)
    assert classifier.predict_proba([]).shape == (0, 7)


@pytest.mark.parametrize("wrong", [None, 3, {"photo.jpg"}, [np.zeros((9, 9), np.uint8)]])
def test_what_is_no_photo_is_refused(classifier: Classifier, wrong: object) -> None:
    kinds = r"an image must be uint8 \[h, w, 3\] \(RGB\) or \[h, w\] \(gray\), a path or a Pillow image, not "
    for call in (classifier.analyze, FaceDetector().detect):
        with pytest.raises(UsageError, match=kinds + type(wrong).__name__):
            call(wrong)  # type: ignore[operator]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda c: c.predict_proba(None),
            "images must be an array, a photo of one face or a list of them, not NoneType",
        ),
        (lambda c: c.predict_proba([None]), "images must be numbers in 0..255, not object"),
        (lambda c: c.predict_proba([np.zeros((48, 48), np.uint8), np.zeros((9, 9), np.uint8)]), "must have shape"),
        (lambda c: read_photo(None), "a photo must be a path, .* or a Pillow image, not NoneType"),
        (lambda c: crop_face(np.zeros((9, 9), np.uint8), None), "a face must be a Face, .* not NoneType"),
        (lambda c: load_classifier(None), "a model must be a name or the path of a model file, not NoneType"),
    ],
)
def test_other_wrong_arguments(classifier: Classifier, call: Callable, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        call(classifier)


def test_a_photo_that_is_missing(classifier: Classifier) -> None:
    for call in (classifier.analyze, classifier.predict_proba):
        with pytest.raises(FerZooError, match=r"a\.jpg does not exist"):
            call("a.jpg")
