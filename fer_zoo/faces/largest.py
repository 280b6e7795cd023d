"""The one face that the label of a picture is about: the largest, or the picture itself where it is a crop already."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from fer_zoo.crops import crop_centre
from fer_zoo.faces.crop import crop_face
from fer_zoo.faces.detector import FaceDetector
from fer_zoo.pictures import Picture

Crop = Literal["auto", "always", "never"]
CROPS: tuple[Crop, ...] = get_args(Crop)

# Pictures up to this size on both sides are crops of faces: FER2013's have 48 pixels, other sets 64.
CROP_SIZE = 64

CROP_HELP = (
    f"search the images for faces and cut out the largest: auto, those larger than {CROP_SIZE} pixels, taken whole "
    "where no face is found; always, all, left out where none is found; never"
)


def is_crop(picture: Picture) -> bool:
    """Whether a picture is so small that it is taken for the crop of a face."""
    return max(picture.width, picture.height) <= CROP_SIZE


@dataclass(frozen=True, eq=False)
class LabelledFace:
    """What became of a picture.

    Attributes:
        image: The face, uint8 `[48, 48]`; `None` where none was found and the picture is not taken in its place.
        faces: How many were found; `None` where nobody looked for one.
    """

    image: np.ndarray | None
    faces: int | None


class LargestFace:
    """Cuts the largest face out of pictures, as prediction cuts faces.

    Args:
        crop: Which pictures are searched. `auto`: those larger than 64 pixels; where no face is found, the picture is
            taken as a face. `always`: all; those without a face are left out. `never`: none.
    """

    def __init__(self, crop: Crop) -> None:
        self.crop = crop
        self._detector: FaceDetector | None = None

    def of(self, picture: Picture) -> LabelledFace:
        """The face of one picture."""
        if self.crop == "never" or (self.crop == "auto" and is_crop(picture)):
            return LabelledFace(crop_centre(picture.pixels), None)
        self._detector = self._detector or FaceDetector()
        photo = picture.rgb
        faces = self._detector.detect(photo)
        if faces:
            largest = max(faces, key=lambda face: face.box[2] * face.box[3])
            return LabelledFace(crop_face(photo, largest), len(faces))
        return LabelledFace(crop_centre(picture.pixels) if self.crop == "auto" else None, 0)
