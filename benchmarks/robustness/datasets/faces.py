"""Reads the faces of a labelled folder, and counts what it leaves out."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from fer_zoo.console import track
from fer_zoo.contract import EXPRESSIONS, IMAGE_SIZE
from fer_zoo.crops import crop_square
from fer_zoo.data.listing import faces_notes, left_out_notes
from fer_zoo.errors import FerZooError, UsageError
from fer_zoo.faces import read_photo
from fer_zoo.faces.largest import Crop, LabelledFace, LargestFace
from fer_zoo.pictures import PictureError

from .layouts import CONTEMPT, LAYOUTS, Labelled, find_layout


@dataclass(frozen=True, eq=False)
class LabelledFaces:
    """Faces of another data set.

    Attributes:
        layout: Name of the layout.
        images: uint8 `[n, 48, 48]`, gray, only those whose class is one of `EXPRESSIONS`.
        labels: int64 `[n]`, index into `EXPRESSIONS`.
        names: Paths of the files, relative to the folder.
        contempt: uint8 `[m, 48, 48]`, faces labelled contempt, which no model here can predict.
        absent: Expressions that no image has.
        left_out: Number of images of each other class or part (none, uncertain, train part), by its name.
        unreadable: Number of images that could not be read or had no face.
        notes: A sentence for each kind of files that are left out, and about the faces that were cut out.
        fingerprint: Hexadecimal key of all pixels and labels.
    """

    layout: str
    images: np.ndarray
    labels: np.ndarray
    names: tuple[str, ...]
    contempt: np.ndarray
    absent: tuple[str, ...]
    left_out: dict[str, int]
    unreadable: int
    notes: tuple[str, ...]
    fingerprint: str


def load_faces(folder: Path) -> LabelledFaces:
    """Read a labelled folder, whose layout is recognized by its files.

    Raises:
        UsageError: There is no such folder, or its layout is unknown.
        FerZooError: It has no readable image of any of the seven expressions.
    """
    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder}; --dataset takes {', '.join(LAYOUTS)}")
    contents = find_layout(folder)
    faces: list[np.ndarray] = []
    labels: list[int] = []
    names: list[str] = []
    contempt: list[np.ndarray] = []
    left_out: Counter[str] = Counter()
    unreadable = list(contents.unreadable)
    faceless: list[str] = []
    crowded: list[str] = []
    cropped = 0
    for entry in track(contents.labelled, f"reading {contents.layout}"):
        if entry.label not in (*EXPRESSIONS, CONTEMPT):
            left_out[entry.label] += 1
            continue
        name = entry.path.relative_to(folder).as_posix()
        try:
            face = read_face(entry)
        except PictureError as error:
            unreadable.append((name, error.reason))
            continue
        if face.faces == 0:
            faceless.append(name)
        if face.image is None:
            continue
        cropped += bool(face.faces)
        if (face.faces or 0) > 1:
            crowded.append(name)
        if entry.label == CONTEMPT:
            contempt.append(face.image)
            continue
        faces.append(face.image)
        labels.append(EXPRESSIONS.index(entry.label))
        names.append(name)
    if not faces:
        raise FerZooError(f"{folder} ({contents.layout}) has no readable image of the seven expressions")
    images, numbers = np.stack(faces), np.array(labels, np.int64)
    notes = left_out_notes(
        unreadable=unreadable,
        outside=contents.outside,
        place=contents.place,
        no_images=contents.no_images,
        broken_links=contents.broken_links,
    )
    outcome = "taken as faces" if any(entry.crop == "auto" for entry in contents.labelled) else "left out"
    return LabelledFaces(
        layout=contents.layout,
        images=images,
        labels=numbers,
        names=tuple(names),
        contempt=np.stack(contempt) if contempt else np.zeros((0, IMAGE_SIZE, IMAGE_SIZE), np.uint8),
        absent=tuple(name for i, name in enumerate(EXPRESSIONS) if i not in labels),
        left_out=dict(left_out),
        unreadable=len(unreadable) + (len(faceless) if outcome == "left out" else 0),
        notes=(*notes, *faces_notes(cropped, crowded, faceless, outcome)),
        fingerprint=hashlib.sha256(images.tobytes() + numbers.tobytes()).hexdigest()[:32],
    )


def read_face(entry: Labelled) -> LabelledFace:
    """The face of one image: in its box, or as `entry.crop` says.

    Raises:
        PictureError: The image cannot be read.
    """
    if entry.box is None:
        return _largest(entry.crop).of(entry.path)
    x, y, width, height = entry.box
    side = max(width, height)
    photo = read_photo(entry.path)
    image = crop_square(photo, x + (width - side) / 2, y + (height - side) / 2, side, IMAGE_SIZE)
    return LabelledFace(image, None, resized=True, recoloured=photo.ndim == 3)


@cache
def _largest(crop: Crop) -> LargestFace:
    return LargestFace(crop)
