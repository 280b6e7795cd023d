"""Cuts the faces out of class folders of photos, once and before training: `fer-zoo data crop`."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from fer_zoo.console import track
from fer_zoo.errors import FerZooError, UsageError
from fer_zoo.faces.largest import LargestFace
from fer_zoo.faces.search import CROP_SIZE
from fer_zoo.pictures import SUFFIXES, PictureError
from fer_zoo.text import plural, printable, some


@dataclass(frozen=True)
class CroppedFaces:
    """The result of cutting faces out of a folder of photos, which are named by their paths in the folder.

    Attributes:
        faces: Number of faces that were written.
        whole: Number of photos among them that were taken as a whole, since they are as small as a crop.
        crowded: Photos with several faces, of which the largest was taken.
        faceless: Photos in which no face was found.
        unreadable: Photos that cannot be read, with the reason.
    """

    faces: int
    whole: int
    crowded: tuple[str, ...]
    faceless: tuple[str, ...]
    unreadable: tuple[str, ...]

    def lines(self) -> list[str]:
        """One line of text for each count that is not 0."""
        lines = [f"{plural(self.faces, 'face')} written"]
        if self.whole:
            lines.append(f"{plural(self.whole, 'image')} of at most {CROP_SIZE} pixels taken as faces")
        for names, outcome in (
            (self.crowded, "with several faces, the largest was taken"),
            (self.faceless, "in which no face was found, left out"),
            (self.unreadable, "that cannot be read, left out"),
        ):
            if names:
                lines.append(f"{plural(len(names), 'photo')} {outcome}: {some(names)}")
        return lines


def crop_photos(photos: Path, output: Path) -> CroppedFaces:
    """Write the largest face of each photo as a gray PNG of 48x48 pixels, in a folder named like the photo's.

    Faces are cut out as in prediction and training. Photos of at most 64 pixels are taken as crops of faces.

    Args:
        photos: A folder; images anywhere below it are read.
        output: A new or empty folder, which gets the folders of `photos`.

    Raises:
        UsageError: `photos` is no folder or has no images, or `output` is not empty.
        FerZooError: No photo has a face.
    """
    if not photos.is_dir():
        raise UsageError(f"{photos} is no folder; give one that has a folder of photos for each class")
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise UsageError(f"{output} is not an empty folder; choose another one")
    paths = sorted(path for path in photos.rglob("*") if path.suffix.lower() in SUFFIXES and _is_photo(path, photos))
    if not paths:
        raise UsageError(f"{photos} has no images")
    temporary = output.with_name(f".writing-{output.name}")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        result = _write(paths, photos, temporary)
        if not result.faces:
            raise FerZooError(f"no face was found in {photos}; {'; '.join(result.lines()[1:])}")
        if output.exists():
            output.rmdir()
        temporary.rename(output)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return result


def _write(paths: list[Path], photos: Path, folder: Path) -> CroppedFaces:
    faces, whole, largest = 0, 0, LargestFace("auto")
    crowded, faceless, unreadable = [], [], []
    for path in track(paths, "Cutting out faces", len(paths)):
        relative = path.relative_to(photos)
        name = printable(relative)
        try:
            face = largest.of(path)
        except PictureError as error:
            unreadable.append(f"{name} ({error.reason})")
            continue
        if face.image is None or face.faces == 0:
            faceless.append(name)
            continue
        target = folder / relative.with_suffix(".png")
        if target.exists():  # `a.jpg` beside `a.png`.
            target = folder / relative.with_name(f"{path.name}.png")
        target.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(face.image).save(target)
        faces += 1
        whole += face.faces is None
        if (face.faces or 0) > 1:
            crowded.append(name)
    return CroppedFaces(faces, whole, tuple(crowded), tuple(faceless), tuple(unreadable))


def _is_photo(path: Path, photos: Path) -> bool:
    """Whether a path is a file that is not hidden."""
    return path.is_file() and not any(part.startswith(".") for part in path.relative_to(photos).parts)
