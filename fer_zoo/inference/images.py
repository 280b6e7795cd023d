"""Reads image files of one face in the format that the models take: 48x48, gray, 0..255."""

from __future__ import annotations

import numpy as np

from fer_zoo.crops import crop_centre
from fer_zoo.pictures import PictureSource, read_picture


def read_image(source: PictureSource) -> np.ndarray:
    """Read a picture that shows one face and nothing else, as training does.

    Args:
        source: What `fer_zoo.pictures.read_picture` decodes. A picture that is not square is cut to its middle; colour
            becomes ITU-R 601 luma; other sizes are resampled by `fer_zoo.crops.resize`.

    Returns:
        uint8 `[48, 48]`.

    Raises:
        FerZooError: The file is missing, empty, damaged, too large, or not an image.
    """
    return crop_centre(read_picture(source).pixels)
