"""Resampling: squares cut out of a picture, and whole pictures made smaller or larger."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image

from fer_zoo.contract import IMAGE_SIZE

Box = tuple[float, float, float, float]

_ROWS = 512


def resize(image: Image.Image, width: int, height: int, box: Box | None = None) -> Image.Image:
    """Resample with a triangle filter as wide as the scale, first along the rows, then along the columns.

    Pillow's BILINEAR, but one axis at a time: in one call Pillow 13 begins with the columns of tall pictures, which
    rounds some pixels to another level than its earlier versions and the page (`static/resample.js`) do.

    Args:
        image: Of mode L or RGB.
        width: Of the result, in pixels.
        height: Of the result, in pixels.
        box: Left, top, right and bottom of what is resampled, in pixels; all of `image` without it.
    """
    left, top, right, bottom = box or (0, 0, *image.size)
    wide = image.resize((width, image.height), Image.Resampling.BILINEAR, box=(left, 0, right, image.height))
    return wide.resize((width, height), Image.Resampling.BILINEAR, box=(0, top, width, bottom))


def crop_square(image: np.ndarray, left: float, top: float, side: float, size: int) -> np.ndarray:
    """Cut out an upright square and resample it to gray, as `fer_zoo.faces.crop_face` says.

    Args:
        image: uint8 `[h, w]` (gray) or `[h, w, 3]` (RGB).
        left: Of the square, in pixels; it may reach beyond the image, which goes on there with its outermost pixels.
        top: Of the square, in pixels.
        side: Of the square, in pixels.
        size: Side of the result, in pixels.

    Returns:
        uint8 `[size, size]`.
    """
    # Some pixels more than the square, for the filter's reach.
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
    """The crop of a picture that shows one face and nothing else: its largest square in the middle, so that no face is
    squashed.

    A gray picture of 48x48 keeps its pixels.

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
    """ITU-R 601 luma, uint8 `[h, w]`."""
    if image.ndim == 2:
        return image
    if len(image) <= _ROWS:
        return np.asarray(Image.fromarray(image).convert("L"))
    # Some rows at a time: Pillow needs more memory for a picture than the array has.
    parts = (image[top : top + _ROWS] for top in range(0, len(image), _ROWS))
    return np.concatenate([np.asarray(Image.fromarray(part).convert("L")) for part in parts])
