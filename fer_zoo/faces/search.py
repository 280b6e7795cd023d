"""Reads a photo, finds its faces and cuts them out; used by prediction, the server and the benchmarks.

A JPEG file is decoded no larger than the detector and the crops need: at an eighth, a quarter or half of its size,
decoding takes a fraction of the time and memory.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from fer_zoo.contract import IMAGE_SIZE
from fer_zoo.crops import crop_centre
from fer_zoo.faces.crop import crop_face, square_of
from fer_zoo.faces.detector import Face, FaceDetector, move_face
from fer_zoo.pictures import MAX_PIXELS, Picture, PictureSource, read_picture

# Pictures up to this size on both sides are crops of faces: FER2013's have 48 pixels, other sets 64.
CROP_SIZE = 64

# Lowest number of pixels of the decoded picture for one pixel of a crop, along each side: crops of a picture that was
# decoded at a smaller size then differ from those of the full size by at most 4 of 255 levels
# (docs/photos-and-video.md).
_DENSITY = 2


@dataclass(frozen=True, eq=False)
class PhotoFaces:
    """The faces of one photo.

    Attributes:
        width: Width of the upright photo, in pixels.
        height: Height of the upright photo, in pixels.
        faces: The detected faces, the best score first; `None` if the whole picture is taken as one face.
        crops: uint8 `[n, 48, 48]`, one for each face.
        animated: Whether the file is an animation, of which the first frame was read.
        mode: Pillow's name of the mode it was stored in; `L` is 8-bit gray.
    """

    width: int
    height: int
    faces: list[Face] | None
    crops: np.ndarray
    animated: bool
    mode: str


def search_photo(
    source: PictureSource,
    detector: FaceDetector,
    *,
    whole: bool | None = False,
    max_pixels: int = MAX_PIXELS,
    max_faces: int | None = None,
) -> PhotoFaces:
    """Read a photo, find its faces and cut them out.

    Args:
        source: What `read_picture` reads.
        detector: Finds the faces.
        whole: Take the whole picture as one face and do not search it; `None` does so if the picture is at most 64
            pixels wide and high.
        max_pixels: Larger photos are refused before they are decoded.
        max_faces: Return at most so many faces, those with the best scores.

    Raises:
        UsageError: `source` is of another type.
        PictureError: The photo cannot be read.
    """
    size = None if whole else max(detector.size, CROP_SIZE)
    picture = read_picture(source, max_pixels, longer_side=size)
    if whole or (whole is None and max(picture.width, picture.height) <= CROP_SIZE):
        return _result(picture, None, crop_centre(picture.pixels)[None])
    scale = (picture.scale, picture.scale)
    faces = [move_face(face, (0, 0), scale) for face in detector.detect(picture.pixels)[:max_faces]]
    if picture.scale > 1 and faces:
        smallest = min(square_of(face)[2] for face in faces)
        if smallest < _DENSITY * IMAGE_SIZE * picture.scale:
            longer = math.ceil(max(picture.width, picture.height) * _DENSITY * IMAGE_SIZE / smallest)
            picture = read_picture(source, max_pixels, longer_side=longer, gray_suffices=True)
    share = (1 / picture.scale, 1 / picture.scale)
    crops = [crop_face(picture.pixels, move_face(face, (0, 0), share)) for face in faces]
    return _result(picture, faces, np.array(crops, np.uint8).reshape(-1, IMAGE_SIZE, IMAGE_SIZE))


def _result(picture: Picture, faces: list[Face] | None, crops: np.ndarray) -> PhotoFaces:
    return PhotoFaces(picture.width, picture.height, faces, crops, picture.animated, picture.mode)
