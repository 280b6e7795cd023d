"""A data set as it was read, with a record of unreadable, unusual or unused files."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fer_zoo.contract import EXPRESSIONS, IMAGE_SIZE
from fer_zoo.data.classes import FER2013_CLASSES, Classes
from fer_zoo.data.listing import faces_notes, left_out_notes
from fer_zoo.faces.largest import Crop
from fer_zoo.text import plural, some

SPLITS = ("train", "public_test", "private_test", "test")
# If there are no train and test folders, one in so many images of a class is held out for the test.
TEST_SHARE = 5


@dataclass(frozen=True, eq=False)
class Decoded:
    """A data set as it was read from its source, with a record of unreadable, unusual or unused files.

    Attributes:
        images: uint8 `[n, 48, 48]`.
        labels: int64 `[n]`, index into `classes.names`.
        splits: str `[n]`, one of `SPLITS`.
        names: str `[n]`, such as `test/happy/PublicTest_123.png`, `happy/123.png` or `row 17`.
        classes: The classes that the labels stand for.
        held_out: Whether test images were held out of all images, since there is no folder of test images.
        unreadable: Name and reason of each image or folder that was left out.
        crop: Which images were searched for faces, as `LargestFace` takes it.
        cropped: Number of images that a face was cut out of.
        faceless: Names of the images in which no face was found.
        crowded: Names of the images with several faces, of which the largest was taken.
        resized: Names of the other images that were not 48x48.
        recoloured: Names of the images that were not 8-bit gray.
        outside: Image files that are not in the class folder of a split; they were left out.
        no_images: Files whose suffix is not that of an image; they were left out.
        broken_links: Links to files that do not exist.
        duplicates: Names that a zip contains more than once; the first file was taken.
    """

    images: np.ndarray
    labels: np.ndarray
    splits: np.ndarray
    names: np.ndarray
    classes: Classes = FER2013_CLASSES
    held_out: bool = False
    unreadable: tuple[tuple[str, str], ...] = ()
    crop: Crop = "never"
    cropped: int = 0
    faceless: tuple[str, ...] = ()
    crowded: tuple[str, ...] = ()
    resized: tuple[str, ...] = ()
    recoloured: tuple[str, ...] = ()
    outside: tuple[str, ...] = ()
    no_images: tuple[str, ...] = ()
    broken_links: tuple[str, ...] = ()
    duplicates: tuple[str, ...] = ()

    def notes(self) -> tuple[str, ...]:
        """One plain sentence for each fact that should be displayed to the user."""
        notes = []
        if self.classes.names != EXPRESSIONS:
            notes.append(f"classes: {', '.join(self.classes.names)}")
        if self.classes.left_out:
            notes.append(f"left out, since they were not chosen: {', '.join(self.classes.left_out)}")
        if self.held_out:
            count = plural(int((self.splits == "test").sum()), "image")
            notes.append(
                f"there are no folders train and test: {count} of {len(self.images):,} are held out as test images, "
                f"one in {TEST_SHARE} of each class"
            )
        notes += left_out_notes(
            unreadable=self.unreadable,
            outside=self.outside,
            place="the class folders" if self.held_out else "train/<class>/ and test/<class>/",
            no_images=self.no_images,
            broken_links=self.broken_links,
        )
        if self.duplicates:
            count = plural(len(self.duplicates), "name")
            notes.append(f"{count} more than once in the zip, the first was taken: {some(self.duplicates)}")
        outcome = "left out" if self.crop == "always" else "taken as faces"
        notes += faces_notes(self.cropped, self.crowded, self.faceless, outcome)
        if self.resized:
            notes.append(f"{plural(len(self.resized), 'image')} of another size resized to {IMAGE_SIZE}x{IMAGE_SIZE}")
        if self.recoloured:
            notes.append(f"{plural(len(self.recoloured), 'image')} in colour or another depth turned to 8-bit gray")
        unmarked = int((self.splits == "test").sum())
        if unmarked and self.classes.names == EXPRESSIONS and not self.held_out:
            notes.append(
                f"{plural(unmarked, 'test image')} without PublicTest_ or PrivateTest_ "
                "in the file name: they form one test split"
            )
        for split in SPLITS:
            counts = np.bincount(self.labels[self.splits == split], minlength=len(self.classes.names))
            if alone := [name for name, count in zip(self.classes.names, counts, strict=True) if count == 1]:
                notes.append(f"only one image in {split} of the class {', '.join(alone)}")
        return tuple(notes)
