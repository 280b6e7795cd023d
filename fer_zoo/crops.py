"""Cuts squares out of pictures, and resamples pictures to another size."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image

from fer_zoo.contract import IMAGE_SIZE

Box = tuple[float, float, float, float]

_ROWS = 512


def resize(image: Image.Image, width: int, height: int, box: Box | None = None) -> Image.Image:
    """Resample with a triangle filter as wide as the scale, first along the rows, then along the columns.

    This is Pillow's BILINEAR, but one axis at a time: in a single call Pillow 13 begins with the columns of tall
    pictures, which rounds some pixels to another level than its earlier versions and the page (`static/resample.js`).

    Args:
        image: Picture of mode L or RGB.
        width: Width of the result in pixels.
        height: Height of the result in pixels.
        box: Left, top, right and bottom of the part to resample, in pixels; `None` is the whole picture.
    """
    left, top, right, bottom = box or (0, 0, *image.size)
    wide = image.resize((width, image.height), Image.Resampling.BILINEAR, box=(left, 0, right, image.height))
    return wide.resize((width, height), Image.Resampling.BILINEAR, box=(0, top, width, bottom))


def crop_square(image: np.ndarray, left: float, top: float, side: float, size: int) -> np.ndarray:
    """Cut out an upright square, convert it to gray and resample it, as `fer_zoo.faces.crop_face` describes.

    Args:
        image: uint8 `[h, w]` (gray) or `[h, w, 3]` (RGB).
        left: Left edge of the square in pixels; beyond the image, its outermost pixels are repeated.
        top: Top edge of the square in pixels.
        side: Side of the square in pixels.
        size: Side of the result in pixels.

    Returns:
        uint8 `[size, size]`.
    """
    # The filter reaches some pixels beyond the square.
    reach = math.ceil(side / size) + 1
    x0, y0 = math.floor(left) - reach, math.floor(top) - reach
    x1, y1 = math.ceil(left + side) + reach, math.ceil(top + side) + reach
    height, width = image.shape[:2]
    rows, columns = np.arange(y0, y1).clip(0, height - 1), np.arange(x0, x1).clip(0, width - 1)
    part = _luma(image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
    if part.shape != (len(rows), len(columns)):
        part = part[np.ix_(rows - rows[0], columns - columns[0])]
    box = (left - x0, top - y0, left - x0 + side, top - y0 + side)
    return np.asarray(resize(Image.fromarray(part), size, size, box))


def crop_centre(image: np.ndarray) -> np.ndarray:
    """Crop a picture that shows one face and nothing else to its largest square in the middle, and resample it.

    The pixels of a gray picture of 48x48 do not change.

    Args:
        image: uint8 `[h, w]` (gray) or `[h, w, 3]` (RGB).

    Returns:
        uint8 `[48, 48]`.
    """
    if image.shape == (IMAGE_SIZE, IMAGE_SIZE):
        return image.copy()  # Resampling would give the same, and take a quarter of the time of reading FER2013.
    height, width = image.shape[:2]
    side = min(height, width)
    return crop_square(image, (width - side) // 2, (height - side) // 2, side, IMAGE_SIZE)


def _luma(image: np.ndarray) -> np.ndarray:
    """Convert a picture to gray, ITU-R 601 luma, uint8 `[h, w]`."""
    if image.ndim == 2:
        return image
    if len(image) <= _ROWS:
        return np.asarray(Image.fromarray(image).convert("L"))
    # Converted some rows at a time, since Pillow needs more memory for a picture than the array.
    parts = (image[top : top + _ROWS] for top in range(0, len(image), _ROWS))
    return np.concatenate([np.asarray(Image.fromarray(part).convert("L")) for part in parts])
