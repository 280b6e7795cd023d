"""Reads photos as arrays, in which faces can be detected."""

from __future__ import annotations

import numpy as np

from fer_zoo.errors import UsageError
from fer_zoo.pictures import MAX_PIXELS, PictureSource, read_picture

# A photo is given as a path, as the content of an image file, or as a Pillow image.
Photo = PictureSource

_ARRAY = "an image must be uint8 [h, w, 3] (RGB) or [h, w] (gray)"


def read_photo(source: Photo, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Read an image file of any common format as an upright RGB array, as `fer_zoo.pictures.read_picture` says.

    Args:
        source: A path, the content of an image file, or a Pillow image.
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
    return read_picture(source, max_pixels).rgb


def photo_array(image: np.ndarray | Photo) -> np.ndarray:
    """The pixels of a photo: an array is checked and returned, anything else is read by `read_picture`.

    Returns:
        uint8 `[h, w, 3]` (RGB) or `[h, w]` (gray).

    Raises:
        UsageError: It is neither a photo nor such an array.
        FerZooError: The file cannot be read.
    """
    if not isinstance(image, np.ndarray):
        if not isinstance(image, Photo):
            raise UsageError(f"{_ARRAY}, a path or a Pillow image, not {type(image).__name__}")
        return read_picture(image).pixels
    if image.dtype != np.uint8 or image.shape[2:] not in ((), (3,)) or image.ndim < 2 or 0 in image.shape:
        raise UsageError(f"{_ARRAY}, not {image.dtype} {list(image.shape)}")
    return image
