from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from fer_zoo.faces import Face, FaceDetector, crop_face
from fer_zoo.faces.crop import square_of


def face(x: float, y: float, width: float, height: float) -> Face:
    return Face((x, y, width, height), np.zeros((5, 2), np.float32), 0.9)


@pytest.fixture
def noise() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)


def triangle(line: np.ndarray, start: float, step: float, size: int) -> np.ndarray:
    """One axis resampled as the docstring of `crop_face` says, along axis 0."""
    centres = start + (np.arange(size) + 0.5) * step
    pixels = np.arange(-400, len(line) + 400)
    weights = np.clip(1 - np.abs(pixels + 0.5 - centres[:, None]) / max(step, 1), 0, None)
    weights /= weights.sum(axis=1, keepdims=True)
    return weights @ line[pixels.clip(0, len(line) - 1)]


@pytest.mark.parametrize(
    "box", [(100.3, 50.2, 180, 220), (10, 200, 30, 40), (-40.5, -30, 250, 290), (330, 240, 99, 99)]
)
def test_it_is_the_resampling_that_the_docstring_tells(noise, box):
    crop = crop_face(noise, face(*box))
    left, top, side = square_of(face(*box))
    gray = ((noise @ np.array([19595, 38470, 7471]) + 32768) >> 16).astype(np.float64)
    expected = triangle(triangle(gray, top, side / 48, 48).T, left, side / 48, 48).T
    assert (crop.shape, crop.dtype) == ((48, 48), np.uint8)
    assert np.abs(crop - expected).max() <= 1.01


def test_gray_and_other_sizes(noise):
    gray = np.asarray(Image.fromarray(noise).convert("L"))
    box = face(100, 80, 90, 110)
    np.testing.assert_array_equal(crop_face(noise, box), crop_face(gray, box))
    assert crop_face(gray, box, size=96).shape == (96, 96)


def test_a_face_outside_the_picture_is_its_border(noise):
    assert (crop_face(np.full((20, 20), 77, np.uint8), face(200, 300, 10, 10)) == 77).all()


def test_the_crop_has_the_eyes_and_the_mouth_where_fer2013_has_them(photos):
    """Medians on PublicTest: eyes at 0.38 of the height, mouth at 0.76, their middle at half the width."""
    for name, photo in photos.items():
        found = FaceDetector().detect(photo)[0]
        left, top, side = square_of(found)
        points = (found.landmarks - [left, top]) / side
        assert points[:2, 1].mean() == pytest.approx(0.38, abs=0.08), name
        assert points[3:, 1].mean() == pytest.approx(0.76, abs=0.08), name
        assert points[:, 0].mean() == pytest.approx(0.5, abs=0.1), name
