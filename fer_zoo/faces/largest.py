"""Finds the face that the label of a picture belongs to: the largest, or the picture itself if it is already a crop."""

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
    """The face in a labelled picture, and how it was found.

    Attributes:
        image: The face, uint8 `[48, 48]`; `None` if no face was found and the whole picture is not taken instead.
        faces: Number of detected faces; `None` if the picture was not searched.
        resized: Whether the whole picture was taken and had to be resized.
        recoloured: Whether the picture was stored in another mode than 8-bit gray.
    """

    image: np.ndarray | None
    faces: int | None
    resized: bool
    recoloured: bool


class LargestFace:
    """Cuts the largest face out of pictures, in the same way as for prediction.

    Args:
        crop: Which pictures are searched. `auto`: those larger than 64 pixels; where no face is found, the picture is
            taken as a face. `always`: all; those without a face are left out. `never`: none.
    """

    def __init__(self, crop: Crop) -> None:
        self.crop = crop
        self._detector = FaceDetector()

    def of(self, source: PictureSource) -> LabelledFace:
        """The largest face of one picture.

        Raises:
            PictureError: The picture cannot be read.
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
