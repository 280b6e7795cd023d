"""Every kind of picture is the same face for training, prediction, server and benchmarks."""

from __future__ import annotations

import hashlib
import io
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from make_pictures import CASES, FACE, GRAY, encoded
from PIL import Image

from benchmarks.robustness.datasets import Labelled, read_face
from fer_zoo import load_dataset, read_photo
from fer_zoo.crops import crop_centre
from fer_zoo.data.readers import open_source
from fer_zoo.errors import FerZooError
from fer_zoo.faces import FaceDetector
from fer_zoo.faces.search import PhotoFaces
from fer_zoo.inference import read_image
from fer_zoo.pictures import PictureError, PictureTooLargeError, read_picture
from fer_zoo.serve.photo_worker import read_crops


@pytest.fixture(scope="module", params=CASES)
def case(request: pytest.FixtureRequest) -> tuple[bytes, np.ndarray, int]:
    make, expected, tolerance = CASES[request.param]
    return make(), expected, tolerance


def test_every_kind_of_picture_is_the_same_face_everywhere(case, tmp_path: Path) -> None:
    content, expected, tolerance = case
    path = tmp_path / "fer" / "train" / "happy" / "a.png"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    with zipfile.ZipFile(tmp_path / "fer.zip", "w") as archive:
        archive.write(path, "train/happy/a.png")
    face = read_image(path)
    assert (face.dtype, face.shape) == (np.uint8, (48, 48))
    assert np.abs(face - expected.astype(float)).max() <= tolerance
    for other in (
        read_image(content),
        open_source(tmp_path / "fer").read().images[0],
        open_source(tmp_path / "fer.zip").read().images[0],
        read_face(Labelled(path, "happy")).image,
        crop_centre(read_photo(path)),
        _served(content),
    ):
        np.testing.assert_array_equal(other, face)


def _served(content: bytes) -> np.ndarray:
    crops = read_crops(content, cropped=True, detector=FaceDetector(), max_pixels=2**20, max_faces=1)
    assert isinstance(crops, PhotoFaces)
    return crops.crops[0]


@pytest.mark.parametrize("name", ["RGBA", "16-bit PNG", "orientation 6", "animated GIF"])
def test_a_pillow_image_is_read_as_itsencoded(name: str) -> None:
    content = CASES[name][0]()
    np.testing.assert_array_equal(read_image(Image.open(io.BytesIO(content))), read_image(content))


def test_fer2013_is_read_as_ever() -> None:
    images = load_dataset().images
    assert hashlib.sha256(images.tobytes()).hexdigest() == (
        "6cda87715f1994fafbf05d26df5ce02edf2f4218a7f45c74249a4388278409af"
    )


@pytest.mark.parametrize(("kind", "module"), [("AVIF", "PIL._avif"), ("HEIF", "pillow_heif")])
def test_pictures_of_phones(kind: str, module: str) -> None:
    pytest.importorskip(module)
    if kind == "HEIF":
        import pillow_heif

        file = io.BytesIO()
        pillow_heif.from_pillow(Image.merge("RGB", [GRAY] * 3)).save(file, quality=95)
        content = file.getvalue()
        assert "HEIF" not in Image.OPEN, "Pillow's own table of formats is left alone"
    else:
        content = encoded(GRAY, kind, quality=95)
    assert np.abs(read_image(content).astype(int) - FACE).max() <= 8


def test_heic_without_its_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(PictureError, match=r"HEIC image: .*pip install 'fer-zoo\[heic\]'"):
        read_picture(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")


@pytest.mark.parametrize("kind", ["EPS", "ICO", "TGA", "PCX"])
def test_formats_that_are_not_listed_are_refused(kind: str) -> None:
    with pytest.raises(PictureError, match="is not an image in a format that is read here: JPEG, PNG"):
        read_picture(encoded(GRAY.convert("RGB"), kind))


@pytest.mark.parametrize("limit", [2303, 1000])
def test_too_large_has_an_error_of_its_own(limit: int) -> None:
    with pytest.raises(PictureTooLargeError, match=r"too many pixels \(0\.002304 million, the limit is 0\.00"):
        read_picture(encoded(GRAY, "PNG"), limit)


def test_the_cases_that_users_met(shared: Path) -> None:
    cases = shared / "cases"
    assert read_picture(cases / "broken_exif.png").pixels.shape == (500, 220, 3)
    assert read_picture(cases / "orientation_as_text.jpg").pixels.shape == (500, 220, 3)
    for name, bits in (("face_16bit.pgm", 65535), ("face_float.tif", 1)):
        values = np.asarray(Image.open(cases / name)) / bits * 255
        np.testing.assert_allclose(read_image(cases / name), values, atol=0.51)


def test_a_link_to_nothing_and_a_name_that_is_too_long(tmp_path: Path) -> None:
    (tmp_path / "a.png").symlink_to(tmp_path / "b.png")
    with pytest.raises(PictureError, match=r"a\.png is a link to a file that does not exist"):
        read_picture(tmp_path / "a.png")
    with pytest.raises(FerZooError, match="cannot be read: File name too long"):
        read_picture(tmp_path / ("a" * 300))
