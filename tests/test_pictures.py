"""Every kind of picture is the same face for training, prediction and benchmarks."""

from __future__ import annotations

import hashlib
import io
import struct
import sys
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.robustness.datasets import Labelled, _face
from fer_zoo import load_dataset, read_photo
from fer_zoo.crops import crop_centre
from fer_zoo.data.readers import open_source
from fer_zoo.errors import FerZooError
from fer_zoo.inference import read_image
from fer_zoo.pictures import PictureError, PictureTooLargeError, read_picture

Y, X = np.mgrid[:48, :48]
FACE = (10 + 2 * X + 3 * Y).astype(np.uint8)
GRAY = Image.fromarray(FACE)
LEFT = X < 20


def _file(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def _oriented(orientation: int, kind: str = "PNG") -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return _file(GRAY, kind, exif=exif)


def _with_alpha(image: Image.Image, alpha: np.ndarray) -> Image.Image:
    image = image.copy()
    image.putalpha(Image.fromarray(alpha.astype(np.uint8)))
    return image


def _chunk(name: bytes, content: bytes, checksum: int | None = None) -> bytes:
    right = zlib.crc32(name + content)
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", right if checksum is None else checksum)


def _png_with(chunk: bytes) -> bytes:
    """The face with a chunk behind the header."""
    content = _file(GRAY, "PNG")
    return content[:33] + chunk + content[33:]


def _pgm(maximum: int) -> bytes:
    values = np.round(FACE / 255 * maximum).astype(">u2")
    return b"P5 48 48 %d\n" % maximum + values.tobytes()


def _transparent_palette() -> bytes:
    image = Image.fromarray(np.where(LEFT, 0, FACE).astype(np.uint8)).convert("P")
    return _file(image, "PNG", transparency=image.getpixel((0, 0)))


def _wide_float() -> bytes:
    return _file(Image.fromarray(np.pad(FACE, ((0, 0), (8, 9)), mode="edge") / np.float32(255)), "TIFF")


ORIENTATION_AS_TEXT = b"Exif\0\0II*\0\x08\0\0\0\x01\0" + struct.pack("<HHI4sI", 0x0112, 2, 2, b"6", 0)
BLACK_LEFT = np.where(LEFT, 0, FACE)
ANIMATION = {"save_all": True, "append_images": [Image.new("L", (48, 48), 200)]}

# The content of a file, the face in it, and how many levels a lossy format or a conversion of colours may change.
CASES: dict[str, tuple[Callable[[], bytes], np.ndarray, int]] = {
    "1": (lambda: _file(Image.fromarray(LEFT), "PNG"), np.where(LEFT, 255, 0), 0),
    "L": (lambda: _file(GRAY, "PNG"), FACE, 0),
    "BMP": (lambda: _file(GRAY, "BMP"), FACE, 0),
    "LA opaque": (lambda: _file(_with_alpha(GRAY, 255 + 0 * X), "PNG"), FACE, 0),
    "LA transparent": (lambda: _file(_with_alpha(GRAY, np.where(LEFT, 0, 255)), "PNG"), BLACK_LEFT, 0),
    "LA half": (lambda: _file(_with_alpha(GRAY, 128 + 0 * X), "PNG"), (FACE * 128.0 + 127) // 255, 0),
    "P": (lambda: _file(GRAY.convert("P"), "PNG"), FACE, 0),
    "P transparent": (_transparent_palette, BLACK_LEFT, 0),
    "GIF": (lambda: _file(GRAY, "GIF"), FACE, 0),
    "animated GIF": (lambda: _file(GRAY, "GIF", **ANIMATION), FACE, 0),
    "animated PNG": (lambda: _file(GRAY, "PNG", **ANIMATION), FACE, 0),
    "RGB": (lambda: _file(GRAY.convert("RGB"), "PNG"), FACE, 0),
    "RGBA": (lambda: _file(_with_alpha(GRAY.convert("RGB"), np.where(LEFT, 0, 255)), "PNG"), BLACK_LEFT, 0),
    "WebP": (lambda: _file(GRAY.convert("RGB"), "WEBP", lossless=True), FACE, 0),
    "CMYK": (lambda: _file(GRAY.convert("CMYK"), "TIFF"), FACE, 1),
    "CMYK JPEG": (lambda: _file(GRAY.convert("CMYK"), "JPEG", quality=100), FACE, 4),
    "YCbCr": (lambda: _file(GRAY.convert("RGB").convert("YCbCr"), "TIFF", compression="tiff_lzw"), FACE, 1),
    "LAB": (lambda: _file(Image.merge("LAB", [GRAY, *[Image.new("L", (48, 48), 128)] * 2]), "TIFF"), FACE, 30),
    "JPEG gray": (lambda: _file(GRAY, "JPEG", quality=100), FACE, 2),
    "JPEG colour": (lambda: _file(GRAY.convert("RGB"), "JPEG", quality=100), FACE, 2),
    "16-bit PNG": (lambda: _file(Image.fromarray(FACE * np.uint16(257)), "PNG"), FACE, 0),
    "16-bit TIFF": (lambda: _file(Image.fromarray(FACE * np.uint16(257)), "TIFF"), FACE, 0),
    "16-bit PGM": (lambda: _pgm(65535), FACE, 0),
    "10-bit PGM": (lambda: _pgm(1023), FACE, 0),
    "32-bit TIFF of 0..255": (lambda: _file(Image.fromarray(FACE.astype(np.int32)), "TIFF"), FACE, 0),
    "32-bit TIFF of 0..65535": (lambda: _file(Image.fromarray(FACE.astype(np.int32) * 257), "TIFF"), FACE, 0),
    "32-bit TIFF": (lambda: _file(Image.fromarray(FACE.astype(np.int32) * 8421504), "TIFF"), FACE, 1),
    "float TIFF of 0..1": (lambda: _file(Image.fromarray(FACE / np.float32(255)), "TIFF"), FACE, 0),
    "float TIFF of 0..255": (lambda: _file(Image.fromarray(FACE.astype(np.float32)), "TIFF"), FACE, 0),
    "orientation 3": (lambda: _oriented(3), FACE[::-1, ::-1], 0),
    "orientation 6": (lambda: _oriented(6), np.rot90(FACE, -1), 0),
    "orientation 6 of a TIFF": (lambda: _oriented(6, "TIFF"), np.rot90(FACE, -1), 0),
    "orientation as text": (lambda: _file(GRAY, "JPEG", quality=100, exif=ORIENTATION_AS_TEXT), np.rot90(FACE, -1), 2),
    "orientation 9": (lambda: _oriented(9), FACE, 0),
    "EXIF that is none": (lambda: _file(GRAY, "PNG", exif=b"Exif\0\0\0\x08\0\x02\x01\x12\0\x03"), FACE, 0),
    "EXIF without end": (lambda: _file(GRAY, "JPEG", quality=100, exif=b"Exif\0\0II*\0\xff\xff\xff\0"), FACE, 2),
    "text of a wrong checksum": (lambda: _png_with(_chunk(b"tEXt", b"a\0b", checksum=1)), FACE, 0),
    "text that unpacks to 2 MB": (
        lambda: _png_with(_chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(2_000_000)))),
        FACE,
        0,
    ),
    "colour profile that is none": (lambda: _png_with(_chunk(b"iCCP", b"x\0\0nothing")), FACE, 0),
    "transparency of a wrong checksum": (lambda: _png_with(_chunk(b"tRNS", b"\0\x0a", checksum=1)), FACE, 0),
    "wide": (lambda: _file(Image.fromarray(np.pad(FACE, ((0, 0), (8, 9)))), "PNG"), FACE, 0),
    "tall": (lambda: _file(Image.fromarray(np.pad(FACE, ((8, 9), (0, 0)))), "PNG"), FACE, 0),
    "wide float TIFF": (_wide_float, FACE, 0),
}


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
        _face(Labelled(path, "happy")),
        crop_centre(read_photo(path)),
    ):
        np.testing.assert_array_equal(other, face)


@pytest.mark.parametrize("name", ["RGBA", "16-bit PNG", "orientation 6", "animated GIF"])
def test_a_pillow_image_is_read_as_its_file(name: str) -> None:
    content = CASES[name][0]()
    np.testing.assert_array_equal(read_image(Image.open(io.BytesIO(content))), read_image(content))


def test_fer2013_is_read_as_ever() -> None:
    images = load_dataset().images
    assert hashlib.sha256(images.tobytes()).hexdigest() == (
        "6cda87715f1994fafbf05d26df5ce02edf2f4218a7f45c74249a4388278409af"
    )


@pytest.mark.slow
def test_all_of_fer2013_is_read_as_ever(shared: Path) -> None:
    images = load_dataset(shared / "fer2013" / "fer2013.zip").images
    assert hashlib.sha256(images.tobytes()).hexdigest() == (
        "7fb284e4a6def6924f13f43acbefd783a12e53cf5f71f025febd31e8ac0bfe09"
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
        content = _file(GRAY, kind, quality=95)
    assert np.abs(read_image(content).astype(int) - FACE).max() <= 8


def test_heic_without_its_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(PictureError, match=r"HEIC image: .*pip install 'fer-zoo\[heic\]'"):
        read_picture(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")


@pytest.mark.parametrize("kind", ["EPS", "ICO", "TGA", "PCX"])
def test_formats_that_are_not_listed_are_refused(kind: str) -> None:
    with pytest.raises(PictureError, match="is not an image in a format that is read here: JPEG, PNG"):
        read_picture(_file(GRAY.convert("RGB"), kind))


@pytest.mark.parametrize("limit", [2303, 1000])
def test_too_large_has_an_error_of_its_own(limit: int) -> None:
    with pytest.raises(PictureTooLargeError, match=r"too many pixels \(0\.002304 million, the limit is 0\.00"):
        read_picture(_file(GRAY, "PNG"), limit)


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
