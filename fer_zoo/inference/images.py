"""Image files of a face as the models want them: 48x48, gray, 0..255."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from fer_zoo.errors import FerZooError
from fer_zoo.expressions import IMAGE_SIZE

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")


def read_image(path: str | os.PathLike[str]) -> np.ndarray:
    """Read an image file that shows one face.

    The EXIF orientation is applied, transparent parts become black, an animation gives its first frame, 16-bit gray is
    scaled to 8 bits, and colour becomes ITU-R 601 luma. An image that is not square is cut to its centre, then averaged
    down to 48x48 by area, or enlarged bicubically; 48x48 gray keeps its pixels.

    Args:
        path: Any format that Pillow reads.

    Returns:
        uint8 `[48, 48]`.

    Raises:
        FerZooError: The file is missing, empty, damaged, too large, or not an image.
    """
    path = Path(path)
    if not path.exists():
        raise FerZooError(f"there is no file {path}")
    if path.is_dir():
        raise FerZooError(f"{path} is a folder, not an image")
    if not path.stat().st_size:
        raise FerZooError(f"{path} is empty")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                image.load()
                return to_face(ImageOps.exif_transpose(image))
    except UnidentifiedImageError as error:
        raise FerZooError(f"{path} is not an image that Pillow can read") from error
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise FerZooError(f"{path} has too many pixels ({error}); crop or shrink it first") from error
    except MemoryError:
        raise
    except Exception as error:  # Damaged files make Pillow raise OSError, SyntaxError, ValueError, EOFError and others.
        raise FerZooError(f"{path} cannot be read: {error}") from error


def to_face(image: Image.Image) -> np.ndarray:
    """Turn a loaded image into gray 48x48 as `read_image` describes.

    Returns:
        uint8 `[48, 48]`.

    Raises:
        FerZooError: The image has floating-point or 32-bit pixels, whose range is not known.
    """
    image = _gray(image)
    shrinks = min(image.size) >= IMAGE_SIZE
    method = Image.Resampling.BOX if shrinks else Image.Resampling.BICUBIC
    return np.asarray(ImageOps.fit(image, (IMAGE_SIZE, IMAGE_SIZE), method))


def _gray(image: Image.Image) -> Image.Image:
    if image.mode == "F" or image.mode.startswith("I"):
        values = np.asarray(image)
        if image.mode == "F" or values.min() < 0 or values.max() > 65535:
            raise FerZooError("its pixels are floating-point or 32-bit numbers; save it with 8 or 16 bits")
        return Image.fromarray((values / 257).round().astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "black"), image)
    return image.convert("L")
