from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from fer_zoo.errors import FerZooError
from fer_zoo.faces import read_photo


@pytest.fixture
def pixels() -> np.ndarray:
    """A smooth colour image, wider than high."""
    y, x = np.mgrid[:40, :60]
    return np.stack([40 + 3 * x, 60 + 2 * y, 200 - 2 * x], axis=2).astype(np.uint8)


def test_rgb_keeps_its_pixels_from_a_path_and_from_bytes(pixels, tmp_path):
    Image.fromarray(pixels).save(tmp_path / "a.png")
    for source in (tmp_path / "a.png", str(tmp_path / "a.png"), (tmp_path / "a.png").read_bytes()):
        photo = read_photo(source)
        assert photo.dtype == np.uint8
        np.testing.assert_array_equal(photo, pixels)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_turns_and_mirrors(pixels, tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    upright = [
        *(pixels, pixels[:, ::-1], pixels[::-1, ::-1], pixels[::-1]),
        *(pixels.swapaxes(0, 1), np.rot90(pixels, -1), np.rot90(pixels, -1)[:, ::-1], np.rot90(pixels)),
    ]
    if orientation == 7:
        upright[6] = pixels[::-1, ::-1].swapaxes(0, 1)
    np.testing.assert_array_equal(read_photo(tmp_path / "a.png"), upright[orientation - 1])


def test_cmyk(pixels, tmp_path):
    Image.fromarray(pixels).convert("CMYK").save(tmp_path / "a.jpg", quality=100, subsampling=0)
    assert np.abs(read_photo(tmp_path / "a.jpg").astype(int) - pixels).max() <= 8


@pytest.mark.parametrize("suffix", ["png", "tiff"])
def test_16_bit_gray(tmp_path, suffix):
    values = np.arange(0, 65536, 257, dtype=np.uint16).reshape(16, 16)
    Image.fromarray(values).save(tmp_path / f"a.{suffix}")
    np.testing.assert_array_equal(read_photo(tmp_path / f"a.{suffix}"), (values // 257)[..., None].repeat(3, axis=2))


def test_transparent_parts_are_black(pixels, tmp_path):
    image = Image.fromarray(pixels)
    alpha = np.zeros((40, 60), np.uint8)
    alpha[10:30] = 255
    image.putalpha(Image.fromarray(alpha))
    image.save(tmp_path / "a.webp", lossless=True, exact=True)
    np.testing.assert_array_equal(read_photo(tmp_path / "a.webp"), np.where(alpha[..., None], pixels, 0))


@pytest.mark.parametrize("suffix", ["gif", "webp", "png"])
def test_an_animation_gives_its_first_frame(tmp_path, suffix):
    frames = [Image.new("RGB", (40, 40), color) for color in ("white", "red", "blue")]
    frames[0].save(tmp_path / f"a.{suffix}", save_all=True, append_images=frames[1:])
    assert read_photo(tmp_path / f"a.{suffix}").min() >= 250


def _encoded(image: Image.Image, form: str) -> bytes:
    file = io.BytesIO()
    image.save(file, form)
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"no image at all", "is not an image"),
        (_encoded(Image.effect_noise((90, 90), 50), "PNG")[:900], "cannot be read"),
        (_encoded(Image.effect_noise((90, 90), 50), "JPEG")[:900], "cannot be read"),
        (_encoded(Image.effect_noise((90, 90), 50), "PNG")[:30], "not an image|cannot be read"),
        (
            _encoded(Image.new("1", (10_000, 10_000)), "PNG"),
            r"too many pixels \(100 million, the limit is 80 million",
        ),
        (_encoded(Image.new("1", (20_000, 20_000)), "PNG"), "too many pixels"),
        (_encoded(Image.new("F", (9, 9), float("nan")), "TIFF"), "values lie in nan..nan"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(tmp_path, content, words):
    (tmp_path / "photo.jpg").write_bytes(content)
    with pytest.raises(FerZooError, match=words) as from_file:
        read_photo(tmp_path / "photo.jpg")
    with pytest.raises(FerZooError, match=words) as from_bytes:
        read_photo(content)
    assert "photo.jpg" in str(from_file.value)
    assert str(from_bytes.value).startswith("the image")
    assert "\n" not in str(from_file.value)


def test_the_limit_on_pixels_is_the_callers(pixels):
    content = _encoded(Image.fromarray(pixels), "PNG")
    assert read_photo(content, max_pixels=2400).shape == (40, 60, 3)
    with pytest.raises(FerZooError, match="too many pixels"):
        read_photo(content, max_pixels=2399)


def test_missing_files_and_folders(tmp_path):
    with pytest.raises(FerZooError, match="does not exist"):
        read_photo(tmp_path / "none.jpg")
    with pytest.raises(FerZooError, match="is a folder"):
        read_photo(tmp_path)
