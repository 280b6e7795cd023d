"""The one face that the label of a picture is about: the largest, or the picture itself where it is a crop already."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from fer_zoo.contract import IMAGE_SIZE
from fer_zoo.crops import crop_centre
from fer_zoo.faces.detector import FaceDetector
from fer_zoo.faces.search import CROP_SIZE, search_photo
from fer_zoo.pictures import PictureSource, read_picture

Crop = Literal["auto", "always", "never"]
CROPS: tuple[Crop, ...] = get_args(Crop)

CROP_HELP = (
    f"search the images for faces and cut out the largest: auto, those larger than {CROP_SIZE} pixels, taken whole "
    "where no face is found; always, all, left out where none is found; never"
)

# What `search_photo` takes as `whole`.
_WHOLE = {"auto": None, "always": False, "never": True}


@dataclass(frozen=True, eq=False)
class LabelledFace:
    """What became of a picture.

    Attributes:
        image: The face, uint8 `[48, 48]`; `None` where none was found and the picture is not taken in its place.
        faces: How many were found; `None` where nobody looked for one.
        resized: Whether the picture was taken whole and had another size.
        recoloured: Whether it had another mode than 8-bit gray.
    """

    image: np.ndarray | None
    faces: int | None
    resized: bool
    recoloured: bool


class LargestFace:
    """Cuts the largest face out of pictures, as prediction cuts faces.

    Args:
        crop: Which pictures are searched. `auto`: those larger than 64 pixels; where no face is found, the picture is
            taken as a face. `always`: all; those without a face are left out. `never`: none.
    """

    def __init__(self, crop: Crop) -> None:
        self.crop = crop
        self._detector = FaceDetector()

    def of(self, source: PictureSource) -> LabelledFace:
        """The face of one picture.

        Raises:
            PictureError: It cannot be read.
        """
        photo = search_photo(source, self._detector, whole=_WHOLE[self.crop])
        recoloured = photo.mode != "L"
        if photo.faces:
            areas = [face.box[2] * face.box[3] for face in photo.faces]
            return LabelledFace(photo.crops[int(np.argmax(areas))], len(photo.faces), False, recoloured)
        resized = (photo.width, photo.height) != (IMAGE_SIZE, IMAGE_SIZE)
        if photo.faces is None:
            return LabelledFace(photo.crops[0], None, resized, recoloured)
        whole = crop_centre(read_picture(source).pixels) if self.crop == "auto" else None
        return LabelledFace(whole, 0, resized, recoloured)
