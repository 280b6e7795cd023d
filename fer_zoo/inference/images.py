"""Image files of a face as the models want them: 48x48, gray, 0..255."""

from __future__ import annotations

import os

import numpy as np
from PIL import Image, ImageOps

from fer_zoo.contract import IMAGE_SIZE
from fer_zoo.faces.photos import open_photo


def read_image(path: str | os.PathLike[str]) -> np.ndarray:
    """Read an image file that shows one face, as `fer_zoo.faces.read_photo` does, and shrink it with `to_face`.

    Args:
        path: Any format that Pillow reads.

    Returns:
        uint8 `[48, 48]`.

    Raises:
        FerZooError: The file is missing, empty, damaged, too large, or not an image.
    """
    return to_face(open_photo(path))


def to_face(image: Image.Image) -> np.ndarray:
    """Turn an image that shows one face into a crop.

    Colour becomes ITU-R 601 luma. An image that is not square is cut to its centre, then averaged down to 48x48 by
    area, or enlarged bicubically; 48x48 gray keeps its pixels.

    Returns:
        uint8 `[48, 48]`.
    """
    shrinks = min(image.size) >= IMAGE_SIZE
    method = Image.Resampling.BOX if shrinks else Image.Resampling.BICUBIC
    return np.asarray(ImageOps.fit(image.convert("L"), (IMAGE_SIZE, IMAGE_SIZE), method))
