"""Split and class of an image file, by the folders it lies in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from fer_zoo.contract import EXPRESSIONS
from fer_zoo.data.decoded import SPLITS
from fer_zoo.errors import UsageError

LAYOUT = (
    "expected train/<class>/ and test/<class>/ (or validation/<class>/) with images (a folder or a zip), "
    "or FER2013's CSV with the columns emotion, pixels, Usage"
)

_FOLDER_CLASSES = {name: label for label, name in enumerate(EXPRESSIONS)} | {
    alias: EXPRESSIONS.index(name)
    for name, aliases in {
        "angry": ("anger",),
        "disgust": ("disgusted",),
        "fear": ("fearful", "afraid", "scared"),
        "happy": ("happiness",),
        "sad": ("sadness",),
        "surprise": ("surprised",),
    }.items()
    for alias in aliases
}
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


@dataclass(frozen=True)
class LabelledPath:
    """An image file, its split and its class.

    Attributes:
        path: In its source.
        name: The last three parts of it, such as `test/happy/PublicTest_123.png`.
        split: One of `SPLITS`.
        label: Index into `EXPRESSIONS`.
    """

    path: str
    name: str
    split: str
    label: int


def label_paths(source: str, paths: Iterable[str]) -> tuple[list[LabelledPath], list[str]]:
    """Split and class of each image path, in the order of split, class and name, and the paths that have none.

    Args:
        source: To call it in messages.
        paths: Of image files, with slashes.

    Raises:
        UsageError: A class is not known, no path has a split and a class, or there are several data sets.
    """
    labelled, outside, roots, unknown = [], [], set(), set()
    for path in paths:
        parts = path.split("/")
        split = _FOLDER_SPLITS.get(parts[-3].casefold().replace("_", "").replace("-", "")) if len(parts) > 2 else None
        if split is None:
            outside.append(path)
            continue
        roots.add("/".join(parts[:-3]))
        label = _FOLDER_CLASSES.get(parts[-2].strip().casefold())
        if label is None:
            unknown.add("/".join(parts[:-1]))
            continue
        if split == "test":
            split = next((name for prefix, name in _FILE_SPLITS.items() if parts[-1].startswith(prefix)), split)
        labelled.append(LabelledPath(path, "/".join(parts[-3:]), split, label))
    if unknown:
        raise UsageError(
            f"unknown class folder{'s' if len(unknown) > 1 else ''} {', '.join(sorted(unknown))} in {source}; "
            f"the classes are {', '.join(EXPRESSIONS)}"
        )
    if not labelled:
        raise UsageError(f"no images of FER2013 found in {source}; {LAYOUT}")
    labelled = _without_validation(labelled)
    if len(roots) > 1:
        several = ", ".join(root or "the top folder" for root in sorted(roots))
        raise UsageError(f"{source} holds more than one data set ({several}); pass one of them")
    return sorted(labelled, key=lambda entry: (SPLITS.index(entry.split), entry.label, entry.name)), sorted(outside)


def _without_validation(labelled: list[LabelledPath]) -> list[LabelledPath]:
    """Beside a test folder a validation folder is for choosing, as PublicTest is; else it holds the test images."""
    splits = {entry.split for entry in labelled}
    if "validation" not in splits:
        return labelled
    renamed = {"validation": "test"}
    if splits & {"test", "private_test"}:
        renamed = {"validation": "public_test", "test": "private_test"}
    return [replace(entry, split=renamed.get(entry.split, entry.split)) for entry in labelled]
