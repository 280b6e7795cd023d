"""Cutting a face out of a photo as FER2013's faces are cut."""

from __future__ import annotations

import numpy as np

from fer_zoo.contract import IMAGE_SIZE
from fer_zoo.crops import crop_square
from fer_zoo.errors import UsageError
from fer_zoo.faces.detector import Face
from fer_zoo.faces.photos import Photo, photo_array

# The square's side and the shift of its centre, in lengths of the detected box (the mean of its width and height).
SCALE = 1.1
SHIFT = 0.0


def crop_face(image: np.ndarray | Photo, face: Face, size: int = IMAGE_SIZE) -> np.ndarray:
    """Cut out one face as the models take it: an upright square, gray, small.

    Gray is ITU-R 601 luma, `(19595 R + 38470 G + 7471 B + 32768) >> 16`. Then each axis is resampled with a triangle
    filter as wide as the scale, Pillow's BILINEAR: output `i` has its centre at `c = start + (i + 0.5) step` and weighs
    pixel `j` by `max(0, 1 - |j + 0.5 - c| / max(step, 1))`, with weights that sum to 1. Beyond the border of the image
    its outermost pixels are repeated.

    Args:
        image: A photo as `read_photo` takes it, or uint8 `[h, w, 3]` (RGB) or `[h, w]` (gray).
        face: A face that `FaceDetector.detect` found in it.
        size: Side of the result in pixels.

    Returns:
        uint8 `[size, size]`.

    Raises:
        UsageError: An argument has the wrong type or is out of its range.
        FerZooError: The file cannot be read.

    Examples:
        >>> from fer_zoo import FaceDetector, crop_face, read_photo
        >>> photo = read_photo("photo.jpg")
        >>> crops = [crop_face(photo, face) for face in FaceDetector().detect(photo)]
        >>> crops[0].dtype, crops[0].shape
        (dtype('uint8'), (48, 48))
    """
    if not isinstance(face, Face):
        raise UsageError(f"a face must be a Face, as FaceDetector.detect returns it, not {type(face).__name__}")
    if size < 1:
        raise UsageError(f"the crop's size must be at least 1, not {size}")
    return crop_square(photo_array(image), *square_of(face), size)


def square_of(face: Face, scale: float = SCALE, shift: float = SHIFT) -> tuple[float, float, float]:
    """The square that `crop_face` cuts out: left, top and side in pixels."""
    x, y, width, height = face.box
    length = (width + height) / 2
    side = scale * length
    return x + (width - side) / 2, y + (height - side) / 2 + shift * length, side
