"""The files of a folder, sorted by what becomes of them, and the sentences about those that are left out."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from fer_zoo.pictures import SUFFIXES
from fer_zoo.text import plural, reason, some

# Files that operating systems create in folders.
_SYSTEM_FILES = frozenset(("thumbs.db", "desktop.ini"))


@dataclass
class Listing:
    """Files by their names relative to the source, with slashes; the lists of `Decoded` have the same names.

    Attributes:
        images: Files with the suffix of an image.
        unreadable: Name and reason of each file or folder that cannot be looked at.
        no_images: Files of other kinds.
        broken_links: Links to files that do not exist.
        duplicates: Names that a zip has more than once.
        states: Name, size and time of change of each file in a folder: what a fingerprint is made of.
    """

    images: list[str] = field(default_factory=list)
    unreadable: list[tuple[str, str]] = field(default_factory=list)
    no_images: list[str] = field(default_factory=list)
    broken_links: list[str] = field(default_factory=list)
    duplicates: list[str] = field(default_factory=list)
    states: list[str] = field(default_factory=list)

    def add(self, name: str) -> None:
        """Sort a file in by its suffix."""
        (self.images if is_image(name) else self.no_images).append(name)


def list_folder(folder: Path, depth: int) -> Listing:
    """List the files at most `depth` folders down, in the order of their names; hidden ones are not there."""
    listing = Listing()
    _scan(folder, "", depth, listing)
    return listing


def is_image(name: str) -> bool:
    """Whether a file has the suffix of an image and is not hidden."""
    return PurePosixPath(name).suffix.casefold() in SUFFIXES and not is_hidden(name)


def is_hidden(name: str) -> bool:
    """Whether a file is hidden or belongs to the operating system."""
    parts = PurePosixPath(name).parts
    return any(part.startswith(".") or part == "__MACOSX" or part.casefold() in _SYSTEM_FILES for part in parts)


def left_out_notes(
    *,
    unreadable: Sequence[tuple[str, str]] = (),
    outside: Sequence[str] = (),
    place: str = "the class folders",
    no_images: Sequence[str] = (),
    broken_links: Sequence[str] = (),
) -> list[str]:
    """A sentence for each kind of files that are left out, with their number and the first names."""
    kinds = (
        ("unreadable image", "", [f"{name} ({why})" for name, why in unreadable]),
        ("image", f" outside {place}", outside),
        ("file", " of other kinds than images", no_images),
        ("link", " to files that do not exist", broken_links),
    )
    return [f"{plural(len(names), noun)}{which} left out: {some(names)}" for noun, which, names in kinds if names]


def faces_notes(cropped: int, crowded: Sequence[str], faceless: Sequence[str], outcome: str) -> list[str]:
    """The result of the search for faces; `outcome` says what was done with images without a face."""
    notes = [f"{plural(cropped, 'face')} cut out of larger images"] if cropped else []
    if crowded:
        count = plural(len(crowded), "image")
        notes.append(f"{count} with several faces, the largest was taken: {some(crowded)}")
    if faceless:
        notes.append(f"{plural(len(faceless), 'image')} in which no face was found, {outcome}: {some(faceless)}")
    return notes


def _scan(folder: Path, prefix: str, depth: int, listing: Listing) -> None:
    try:
        with os.scandir(folder) as scan:
            entries = sorted(scan, key=lambda entry: entry.name)
    except OSError as error:
        listing.unreadable.append((prefix or str(folder), f"cannot be read: {reason(error)}"))
        return
    for entry in entries:
        name = prefix + entry.name
        if is_hidden(name):
            continue
        try:
            status = entry.stat()
        except OSError as error:
            if entry.is_symlink():
                listing.broken_links.append(name)
            else:
                listing.unreadable.append((name, f"cannot be read: {reason(error)}"))
            continue
        if stat.S_ISDIR(status.st_mode):
            if depth:
                _scan(folder / entry.name, f"{name}/", depth - 1, listing)
            continue
        listing.states.append(f"{name}\0{status.st_size}\0{status.st_mtime_ns}\n")
        listing.add(name)
