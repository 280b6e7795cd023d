from __future__ import annotations

import hashlib

import numpy as np
import pytest
from PIL import Image

from fer_zoo.crops import crop_centre, crop_square, resize
from fer_zoo.faces.detector import shrink


@pytest.mark.parametrize(
    ("shape", "size", "box", "digest"),
    [
        ((300, 400), (48, 48), None, "66a59b05dac59197"),
        ((700, 100), (48, 48), None, "81d214e0a8751dd9"),
        ((700, 100), (48, 48), (3.3, 5.7, 90.9, 600.2), "16bfdd81780fc1e2"),
        ((20, 30), (48, 48), None, "312d6b138a59bd76"),
        ((500, 300, 3), (96, 33), None, "299817173e7241bb"),
    ],
)
def test_every_pillow_gives_the_same_pixels(shape, size, box, digest):
    """Pillow 10.4 gave these in one call, and 13.0 gives them one axis at a time."""
    noise = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    pixels = np.asarray(resize(Image.fromarray(noise), *size, box))
    assert pixels.shape[:2] == size[::-1]
    assert hashlib.sha256(pixels.tobytes()).hexdigest()[:16] == digest


def test_the_detector_sees_the_same_pixels_too():
    noise = np.random.default_rng(0).integers(0, 256, (900, 300, 3), dtype=np.uint8)
    assert hashlib.sha256(shrink(noise, 320).tobytes()).hexdigest()[:16] == "491167486c1564b5"


@pytest.mark.parametrize(("top", "left"), [(0, 0), (8, 0), (0, 9)])
def test_a_picture_of_a_face_is_cut_and_not_squashed(top, left):
    face = np.random.default_rng(0).integers(0, 256, (48, 48), dtype=np.uint8)
    np.testing.assert_array_equal(crop_centre(np.pad(face, ((top, top), (left, left)))), face)


def test_a_face_of_48_pixels_is_copied_as_resampling_would():
    face = np.random.default_rng(0).integers(0, 256, (48, 48), dtype=np.uint8)
    found = crop_centre(face)
    np.testing.assert_array_equal(found, crop_square(face, 0, 0, 48, 48))
    assert not np.shares_memory(found, face)
