from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fer_zoo.data import load_dataset
from fer_zoo.errors import FerZooError
from fer_zoo.inference import read_image


@pytest.fixture
def pixels() -> np.ndarray:
    """A smooth image, so that JPEG keeps it."""
    y, x = np.mgrid[:48, :48]
    return (60 + 2 * x + 2 * y).clip(0, 255).astype(np.uint8)


@pytest.fixture
def face(pixels) -> Image.Image:
    return Image.fromarray(pixels)


def test_gray_48_keeps_its_pixels(face, pixels, tmp_path):
    face.save(tmp_path / "a.png")
    image = read_image(tmp_path / "a.png")
    assert image.dtype == np.uint8
    np.testing.assert_array_equal(image, pixels)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "P", "CMYK", "YCbCr"])
def test_every_colour_mode_gives_the_same_gray(face, pixels, tmp_path, mode):
    path = tmp_path / "a.tiff"
    (face if mode == "P" else face.convert("RGB")).convert(mode).save(path)
    assert np.abs(read_image(path).astype(int) - pixels).max() <= 2


def test_cmyk_jpeg(face, pixels, tmp_path):
    face.convert("CMYK").save(tmp_path / "a.jpg", quality=100)
    assert np.abs(read_image(tmp_path / "a.jpg").astype(int) - pixels).max() <= 4


@pytest.mark.parametrize("suffix", ["png", "tiff"])
def test_16_bits_are_scaled_and_not_cut(pixels, tmp_path, suffix):
    Image.fromarray(pixels.astype(np.uint16) * 257).save(tmp_path / f"a.{suffix}")
    np.testing.assert_array_equal(read_image(tmp_path / f"a.{suffix}"), pixels)


def test_colour_becomes_luma(tmp_path):
    Image.new("RGB", (48, 48), (255, 0, 0)).save(tmp_path / "red.png")
    assert set(read_image(tmp_path / "red.png").flat) == {76}


def test_transparent_parts_are_black(face, pixels, tmp_path):
    alpha = np.zeros((48, 48), np.uint8)
    alpha[10:40] = 255
    face.putalpha(Image.fromarray(alpha))
    face.save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), np.where(alpha, pixels, 0))


def test_a_palette_may_have_a_transparent_colour(tmp_path):
    image = Image.new("P", (48, 48), 1)
    image.putpalette([200, 200, 200, 90, 90, 90])
    image.paste(0, (0, 0, 48, 10))
    image.save(tmp_path / "a.gif", transparency=0)
    read = read_image(tmp_path / "a.gif")
    assert set(read[:10].flat) == {0}
    assert set(read[10:].flat) == {90}


def test_an_animation_gives_its_first_frame(face, pixels, tmp_path):
    face.save(tmp_path / "a.gif", save_all=True, append_images=[Image.new("L", (48, 48))])
    np.testing.assert_array_equal(read_image(tmp_path / "a.gif"), pixels)


def test_exif_turns_the_image(face, pixels, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    face.save(tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), np.rot90(pixels, -1))


def test_a_wide_image_is_cut_to_its_centre(pixels, tmp_path):
    wide = np.zeros((48, 100), np.uint8)
    wide[:, 26:74] = pixels
    Image.fromarray(wide).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), pixels)


def test_small_images_are_enlarged(tmp_path):
    Image.new("L", (5, 9), 77).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), np.full((48, 48), 77))


def _truncated(path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (96, 96), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:1000])


@pytest.mark.parametrize(
    ("name", "make", "words"),
    [
        ("empty.png", lambda path: path.touch(), "is empty"),
        ("text.jpg", lambda path: path.write_text("no image"), "not an image"),
        ("short.png", _truncated, "cannot be read: image file is truncated"),
        ("short.jpg", _truncated, "cannot be read: image file is truncated"),
        ("bomb.png", lambda path: Image.new("1", (16000, 16000)).save(path), "too many pixels"),
        ("float.tiff", lambda path: Image.new("F", (48, 48), -1).save(path), "values lie in -1..-1, not in 0..65535"),
        ("missing.png", lambda path: None, "does not exist"),
        ("folder.png", lambda path: path.mkdir(), "is a folder"),
    ],
)
def test_what_cannot_be_read_is_one_sentence_with_the_name(tmp_path, name, make, words):
    make(tmp_path / name)
    with pytest.raises(FerZooError, match=words) as caught:
        read_image(tmp_path / name)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_image_of_fer2013_reads_as_its_row(root, tmp_path):
    dataset = load_dataset()
    name = str(dataset.names[-1])
    with zipfile.ZipFile(root / "data" / "fer2013_sample.zip") as archive:
        entry = next(entry for entry in archive.namelist() if entry.endswith(name))
        (tmp_path / "face.png").write_bytes(archive.read(entry))
    np.testing.assert_array_equal(read_image(tmp_path / "face.png"), dataset.images[-1])
