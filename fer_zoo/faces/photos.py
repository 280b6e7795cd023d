"""Reading image files of every kind, or saying in one sentence why not."""

from __future__ import annotations

import io
import os
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from fer_zoo.errors import FerZooError, UsageError

# What is read as a photo: a path, the content of an image file, or a Pillow image.
Photo = str | os.PathLike | bytes | Image.Image

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")

MAX_PIXELS = 80_000_000

_ARRAY = "an image must be uint8 [h, w, 3] (RGB) or [h, w] (gray)"


def read_photo(source: Photo, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Read an image file of any common format as an upright RGB array.

    The EXIF orientation is applied, transparent parts become black, an animation gives its first frame, 16-bit gray is
    scaled to 8 bits, and gray, palettes and CMYK become RGB.

    Args:
        source: Path of any format that Pillow reads, the content of such a file, or a Pillow image.
        max_pixels: Larger images are refused before they are decoded.

    Returns:
        uint8 `[h, w, 3]`, RGB.

    Raises:
        UsageError: `source` is of another type.
        FerZooError: The file is missing, empty, damaged, too large, or not an image.

    Examples:
        >>> from fer_zoo import read_photo
        >>> photo = read_photo("photo.jpg")
        >>> photo.dtype, photo.shape
        (dtype('uint8'), (480, 480, 3))
    """
    return np.asarray(open_photo(source, max_pixels).convert("RGB"))


def open_photo(source: Photo, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """`read_photo` before the last step: an upright Pillow image of mode L or RGB."""
    name, file = _located(source)
    try:
        with warnings.catch_warnings():
            # Pillow's own limit is about as high, but a warning only.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            if isinstance(file, Image.Image):
                return _upright(file, max_pixels)
            with Image.open(file) as image:
                return _upright(image, max_pixels)
    except UnidentifiedImageError as error:
        raise FerZooError(f"{name} is not an image that Pillow can read") from error
    except (_TooLargeError, Image.DecompressionBombError) as error:
        raise FerZooError(f"{name} has too many pixels ({error}); crop or shrink it first") from error
    except MemoryError:
        raise
    except Exception as error:  # Damaged files make Pillow raise OSError, SyntaxError, ValueError, EOFError and others.
        raise FerZooError(f"{name} cannot be read: {error}") from error


def photo_array(image: np.ndarray | Photo) -> np.ndarray:
    """The pixels of a photo that is an array already, or is read as `read_photo` does.

    Returns:
        uint8 `[h, w, 3]` (RGB) or `[h, w]` (gray).

    Raises:
        UsageError: It is neither a photo nor such an array.
        FerZooError: The file cannot be read.
    """
    if not isinstance(image, np.ndarray):
        if not isinstance(image, Photo):
            raise UsageError(f"{_ARRAY}, a path or a Pillow image, not {type(image).__name__}")
        return read_photo(image)
    if image.dtype != np.uint8 or image.shape[2:] not in ((), (3,)) or image.ndim < 2 or 0 in image.shape:
        raise UsageError(f"{_ARRAY}, not {image.dtype} {list(image.shape)}")
    return image


def is_animation(path: str | os.PathLike[str]) -> bool:
    """Whether a GIF, WebP or PNG that `read_photo` reads has more frames than the one it gives."""
    with Image.open(path) as image:
        # A phone's JPEG may hold a second picture (MPO), a TIFF pages: those are no animations.
        return image.format in ("GIF", "WEBP", "PNG") and getattr(image, "is_animated", False)


class _TooLargeError(Exception):
    pass


def _upright(image: Image.Image, max_pixels: int) -> Image.Image:
    _check_pixels(image, max_pixels)
    image.load()
    return _plain(ImageOps.exif_transpose(image))


def _located(source: Photo) -> tuple[str, Path | io.BytesIO | Image.Image]:
    """What to call the image in messages, and what Pillow opens."""
    if isinstance(source, Image.Image):
        return "the image", source
    if not isinstance(source, Photo):
        kinds = "a path, the content of an image file as bytes, or a Pillow image"
        raise UsageError(f"a photo must be {kinds}, not {type(source).__name__}")
    if isinstance(source, bytes):
        if not source:
            raise FerZooError("the image is empty")
        return "the image", io.BytesIO(source)
    path = Path(source)
    if not path.exists():
        raise FerZooError(f"there is no file {path}")
    if path.is_dir():
        raise FerZooError(f"{path} is a folder, not an image")
    if not path.stat().st_size:
        raise FerZooError(f"{path} is empty")
    return str(path), path


def _check_pixels(image: Image.Image, limit: int) -> None:
    pixels = image.width * image.height
    if pixels > limit:
        raise _TooLargeError(f"{pixels / 1e6:.1f} million, the limit is {limit / 1e6:g} million")


def _plain(image: Image.Image) -> Image.Image:
    if image.mode == "F" or image.mode.startswith("I"):
        values = np.asarray(image)
        if image.mode == "F" or values.min() < 0 or values.max() > 65535:
            raise ValueError("its pixels are floating-point or 32-bit numbers; save it with 8 or 16 bits")
        return Image.fromarray((values / 257).round().astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "black"), image)
    return image.convert("L" if image.mode in ("1", "L") else "RGB")
