"""Finds the split and the class of image files by the folders that they are in."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from fer_zoo.data.classes import Classes, choose_classes
from fer_zoo.data.decoded import SPLITS, TEST_SHARE
from fer_zoo.errors import UsageError

LAYOUT = (
    "expected train/<class>/ and test/<class>/ (or validation/<class>/) with images, or <class>/ alone (a folder or a "
    "zip), or FER2013's CSV with the columns emotion, pixels, Usage"
)

_FOLDER_SPLITS = {
    "train": "train",
    "training": "train",
    "test": "test",
    "publictest": "public_test",
    "privatetest": "private_test",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
}
_FILE_SPLITS = {"PublicTest_": "public_test", "PrivateTest_": "private_test"}
_NO_SPLIT = ""


@dataclass(frozen=True)
class LabelledPath:
    """An image file, its split and its class.

    Attributes:
        path: Path in the folder or zip.
        name: The folders of split and class, and the file, such as `test/happy/PublicTest_123.png` or `happy/1.png`.
        split: One of `SPLITS`.
        label: Index into the names of the classes.
    """

    path: str
    name: str
    split: str
    label: int


@dataclass(frozen=True)
class Layout:
    """The images of a data set with the splits and classes that follow from their folders.

    Attributes:
        images: Images, sorted by split, class and name.
        classes: The classes that the labels stand for.
        outside: Images that are not in a class folder.
        held_out: Whether test images were held out of all images, since there is no folder of test images.
    """

    images: tuple[LabelledPath, ...]
    classes: Classes
    outside: tuple[str, ...]
    held_out: bool


def find_layout(source: str, paths: Sequence[str], chosen: Sequence[str] | None = None) -> Layout:
    """Find split and class of each image.

    Args:
        source: Name of the data set for messages.
        paths: Paths of image files, with slashes.
        chosen: The classes to use, as `choose_classes` takes them.

    Raises:
        UsageError: No path has a class, there are several data sets, or `choose_classes` raised it.
    """
    splits = {path: _split_of(path) for path in paths}
    held_out = not any(splits.values())  # There are class folders without folders for the splits.
    depth = 2 if held_out else 3
    inside = [path for path in paths if (_is_in_class_folder(path) if held_out else splits[path])]
    if not inside:
        raise UsageError(f"no images in class folders found in {source}; {LAYOUT}")
    roots = {"/".join(path.split("/")[:-depth]) for path in inside}
    if len(roots) > 1:
        several = ", ".join(root or "the top folder" for root in sorted(roots))
        raise UsageError(f"{source} holds more than one data set ({several}); pass one of them")
    classes = choose_classes((path.split("/")[-2] for path in inside), chosen)
    images = []
    for path in inside:
        parts = path.split("/")
        if (label := classes.labels[parts[-2]]) is not None:
            images.append(LabelledPath(path, "/".join(parts[-depth:]), splits[path], label))
    images = _with_test_images(images) if held_out else _without_validation(images)
    images.sort(key=lambda image: (SPLITS.index(image.split), image.label, image.name))
    return Layout(tuple(images), classes, tuple(sorted(set(paths).difference(inside))), held_out)


def _is_in_class_folder(path: str) -> bool:
    """Whether an image lies in a folder that is not one of a split."""
    parts = path.split("/")
    return len(parts) > 1 and _named_split(parts[-2]) == _NO_SPLIT


def _named_split(folder: str) -> str:
    return _FOLDER_SPLITS.get(folder.casefold().replace("_", "").replace("-", ""), _NO_SPLIT)


def _split_of(path: str) -> str:
    """The split by the folder that contains the class folder, or by the file's name; empty if neither has one."""
    parts = path.split("/")
    if len(parts) < 3:
        return _NO_SPLIT
    split = _named_split(parts[-3])
    if split == "test":
        return next((name for prefix, name in _FILE_SPLITS.items() if parts[-1].startswith(prefix)), split)
    return split


def _with_test_images(images: list[LabelledPath]) -> list[LabelledPath]:
    """Hold out a part of each class as test images: those whose names have the smallest hashes.

    The choice is the same on every machine, and adding an image moves only few others from one split to the other.
    """
    by_hash = sorted(images, key=lambda image: hashlib.sha256(image.name.encode(errors="surrogateescape")).digest())
    test: set[str] = set()
    for label in {image.label for image in images}:
        members = [image.path for image in by_hash if image.label == label]
        test.update(members[: max(round(len(members) / TEST_SHARE), int(len(members) > 2))])
    return [replace(image, split="test" if image.path in test else "train") for image in images]


def _without_validation(labelled: list[LabelledPath]) -> list[LabelledPath]:
    """Rename the split `validation`: to `public_test` if there is also a test folder, else to `test`."""
    splits = {entry.split for entry in labelled}
    if "validation" not in splits:
        return labelled
    renamed = {"validation": "test"}
    if splits & {"test", "private_test"}:
        renamed = {"validation": "public_test", "test": "private_test"}
    return [replace(entry, split=renamed.get(entry.split, entry.split)) for entry in labelled]
