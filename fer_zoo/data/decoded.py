"""A data set as it was read, with everything that was odd about it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fer_zoo.contract import EXPRESSIONS, IMAGE_SIZE
from fer_zoo.text import plural, some

SPLITS = ("train", "public_test", "private_test", "test")


@dataclass(frozen=True, eq=False)
class Decoded:
    """A set read from its source, with everything that was odd about it.

    Attributes:
        images: uint8 `[n, 48, 48]`.
        labels: int64 `[n]`, index into `EXPRESSIONS`.
        splits: str `[n]`, one of `SPLITS`.
        names: str `[n]`, such as `test/happy/PublicTest_123.png` or `row 17`.
        unreadable: Name and reason of each image or folder that was left out.
        resized: Names of the images that were not 48x48.
        recoloured: Names of the images that were not 8-bit gray.
        outside: Image files that are in no class folder of a split, left out.
        no_images: Files that are no images, by their suffix, left out.
        broken_links: Links to files that do not exist.
        duplicates: Names that a zip has more than once; the first is taken.
    """

    images: np.ndarray
    labels: np.ndarray
    splits: np.ndarray
    names: np.ndarray
    unreadable: tuple[tuple[str, str], ...] = ()
    resized: tuple[str, ...] = ()
    recoloured: tuple[str, ...] = ()
    outside: tuple[str, ...] = ()
    no_images: tuple[str, ...] = ()
    broken_links: tuple[str, ...] = ()
    duplicates: tuple[str, ...] = ()

    def notes(self) -> tuple[str, ...]:
        """One plain sentence for each thing worth telling the user."""
        notes = []
        if self.unreadable:
            names = [f"{name} ({reason})" for name, reason in self.unreadable]
            notes.append(f"{plural(len(names), 'unreadable image')} left out: {some(names)}")
        if self.outside:
            count = plural(len(self.outside), "image")
            notes.append(f"{count} outside train/<class>/ and test/<class>/ left out: {some(self.outside)}")
        if self.no_images:
            count = plural(len(self.no_images), "file")
            notes.append(f"{count} of other kinds than images left out: {some(self.no_images)}")
        if self.broken_links:
            count = plural(len(self.broken_links), "link")
            notes.append(f"{count} to files that do not exist left out: {some(self.broken_links)}")
        if self.duplicates:
            count = plural(len(self.duplicates), "name")
            notes.append(f"{count} more than once in the zip, the first was taken: {some(self.duplicates)}")
        if self.resized:
            notes.append(f"{plural(len(self.resized), 'image')} of another size resized to {IMAGE_SIZE}x{IMAGE_SIZE}")
        if self.recoloured:
            notes.append(f"{plural(len(self.recoloured), 'image')} in colour or another depth turned to 8-bit gray")
        if unmarked := int((self.splits == "test").sum()):
            notes.append(
                f"{plural(unmarked, 'test image')} without PublicTest_ or PrivateTest_ "
                "in the file name: they form one test split"
            )
        for split in SPLITS:
            counts = np.bincount(self.labels[self.splits == split], minlength=len(EXPRESSIONS))
            if alone := [name for name, count in zip(EXPRESSIONS, counts, strict=True) if count == 1]:
                notes.append(f"only one image in {split} of the class {', '.join(alone)}")
        return tuple(notes)
