"""Photos decoded no larger than needed: the same faces and crops as in the whole picture."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from fer_zoo.faces import FaceDetector, crop_face
from fer_zoo.faces.search import search_photo
from fer_zoo.pictures import read_picture

_ORIENTATION = 0x0112
# Pillow's name of what brings a picture upright that EXIF says is stored so.
_STORED = {3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90, 2: Image.Transpose.FLIP_LEFT_RIGHT}


@pytest.fixture(scope="module")
def detector() -> FaceDetector:
    return FaceDetector()


def _jpeg(pixels: np.ndarray, longer: int, orientation: int = 1) -> bytes:
    image = Image.fromarray(pixels)
    scale = longer / max(image.size)
    image = image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.BICUBIC)
    if orientation in _STORED:
        image = image.transpose(_STORED[orientation])
    exif = Image.Exif()
    exif[_ORIENTATION] = orientation
    file = io.BytesIO()
    image.save(file, "JPEG", quality=90, exif=exif)
    return file.getvalue()


@pytest.mark.parametrize("longer", [320, 640, 2100])
def test_faces_and_crops_are_those_of_the_whole_picture(photos, detector, longer):
    for name, pixels in photos.items():
        content = _jpeg(pixels, longer)
        found, whole = search_photo(content, detector), read_picture(content)
        faces = detector.detect(whole.pixels)
        assert (found.width, found.height) == (whole.width, whole.height) == whole.pixels.shape[1::-1], name
        assert found.faces is not None
        assert len(found.faces) == len(faces) >= 1, name
        # In pixels of the photo as it came; the detector sees 640.
        scale = min(1, max(pixels.shape) / longer)
        for face, same, crop in zip(found.faces, faces, found.crops, strict=True):
            np.testing.assert_allclose(np.array(face.box) * scale, np.array(same.box) * scale, atol=2)
            difference = np.abs(crop_face(whole.pixels, face).astype(int) - crop)
            assert difference.max() <= (3 if longer > 640 else 0), name


def test_small_faces_are_cut_out_of_more_pixels(photos, detector, monkeypatch):
    canvas = np.full((2000, 2800, 3), 90, np.uint8)
    canvas[200:712, 300:812] = photos["astronaut.png"]
    content = _jpeg(canvas, 2800)
    scales = []

    def read(*arguments, **options):
        picture = read_picture(*arguments, **options)
        scales.append((picture.scale, picture.pixels.ndim))
        return picture

    monkeypatch.setattr("fer_zoo.faces.search.read_picture", read)
    found = search_photo(content, detector)
    assert scales == [(4, 3), (1, 2)]
    assert found.faces is not None
    [face] = found.faces
    pixels = read_picture(content).pixels
    [same] = detector.detect(pixels)
    assert face.box == pytest.approx(same.box, abs=4)
    difference = np.abs(crop_face(pixels, face).astype(int) - found.crops[0])
    assert (difference.max() <= 4, difference.mean() < 0.5) == (True, True)


@pytest.mark.parametrize("orientation", [2, 3, 6])
@pytest.mark.parametrize("longer", [2048, 2043])
def test_a_picture_that_is_stored_turned_has_its_face_in_place(photos, detector, orientation, longer):
    content = _jpeg(photos["astronaut.png"], longer, orientation)
    found, [same] = search_photo(content, detector), detector.detect(read_picture(content).pixels)
    assert found.faces is not None
    [face] = found.faces
    assert (found.width, found.height) == (longer, longer)
    assert face.box == pytest.approx(same.box, abs=4)


def test_other_formats_are_read_in_full(photos, detector):
    file = io.BytesIO()
    Image.fromarray(photos["astronaut.png"].repeat(3, axis=0).repeat(3, axis=1)).save(file, "PNG")
    picture = read_picture(file.getvalue(), longer_side=640, gray_suffices=True)
    assert (picture.scale, picture.pixels.shape) == (1, (1536, 1536, 3))


def test_a_pillow_image_is_left_as_it_is(photos):
    with Image.open(io.BytesIO(_jpeg(photos["astronaut.png"], 2048))) as image:
        assert read_picture(image, longer_side=640).scale == 1
        assert image.size == (2048, 2048)


@pytest.mark.parametrize("shape", [(1, 3000), (7, 3000), (3000, 3), (641, 1281)])
def test_the_scale_is_the_one_that_was_decoded(shape):
    file = io.BytesIO()
    Image.new("RGB", shape[::-1]).save(file, "JPEG")
    picture = read_picture(file.getvalue(), longer_side=320)
    assert (picture.height, picture.width) == shape
    assert picture.pixels.shape[:2] == tuple(-(-side // picture.scale) for side in shape)
