"""Labelled face images as arrays, of FER2013 or your own: decoded once, then memory-mapped from a cache."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from fer_zoo.contract import EXPRESSIONS, IMAGE_SIZE
from fer_zoo.data.decoded import SPLITS, Decoded
from fer_zoo.data.readers import open_source
from fer_zoo.errors import UsageError
from fer_zoo.faces.largest import CROPS, Crop
from fer_zoo.files import cache_dir, temporary_folder

BUNDLED = Path(__file__).parents[2] / "data" / "fer2013_sample.zip"

# Part of each cache key: increase it when the same source would be decoded differently.
_VERSION = 2
_ARRAYS = ("images", "labels", "splits", "names")


@dataclass(frozen=True, eq=False)
class Dataset:
    """Labelled face images.

    Attributes:
        images: uint8 `[n, 48, 48]`, gray, read-only (memory-mapped from the cache).
        labels: int64 `[n]`, index into `expressions`.
        splits: str `[n]`: `train`, `public_test`, `private_test`, or `test` for other test images.
        names: str `[n]`, such as `test/happy/PublicTest_123.png` or `row 17`.
        source: The path that was loaded.
        fingerprint: Hexadecimal key of the source's content.
        notes: Plain sentences that should be displayed to the user, such as how many images were left out.
        expressions: Names of the classes: FER2013's, FER+'s, or those of your own.

    Examples:
        >>> from fer_zoo import load_dataset
        >>> test = load_dataset().subset("test")
        >>> len(test), test.images.shape, test.expressions[test.labels[0]]
        (7178, (7178, 48, 48), 'angry')
    """

    images: np.ndarray
    labels: np.ndarray
    splits: np.ndarray
    names: np.ndarray
    source: str
    fingerprint: str
    notes: tuple[str, ...] = ()
    expressions: tuple[str, ...] = EXPRESSIONS

    def __len__(self) -> int:
        return len(self.images)

    def has(self, split: str) -> bool:
        """Whether `subset(split)` has any image."""
        return bool(self._mask(split).any())

    def subset(self, split: str) -> Dataset:
        """The images of one split, in the same order.

        Args:
            split: `train`, `public_test`, `private_test`, or `test` for all test images whatever their prefix.

        Raises:
            UsageError: There is no such split or it has no images.
        """
        index = np.flatnonzero(self._mask(split))
        if not len(index):
            available = ", ".join(name for name in SPLITS if (self.splits == name).any())
            raise UsageError(f"{self.source} has no {split} images (it has: {available or 'none'}); pass other --data")
        start, stop = int(index[0]), int(index[-1]) + 1
        # Slicing a memory map copies nothing; indexing it with an array copies the images.
        return self.take(slice(start, stop) if stop - start == len(index) else index)

    def take(self, index: np.ndarray | slice) -> Dataset:
        """The images at `index`, in its order."""
        return replace(self, **{name: getattr(self, name)[index] for name in _ARRAYS})

    def _mask(self, split: str) -> np.ndarray:
        if split not in SPLITS:
            raise UsageError(f"unknown split {split!r}; choose one of {', '.join(SPLITS)}")
        return self.splits != "train" if split == "test" else self.splits == split


def load_dataset(
    path: str | os.PathLike[str] | None = None, *, classes: Sequence[str] | None = None, crop: Crop = "auto"
) -> Dataset:
    """Load FER2013, or images of your own in class folders; images are decoded only the first time.

    Class folders that all have names of FER2013's expressions, or known synonyms, get the labels of all seven; any
    other folders are classes of their own, in alphabetical order. If there are no folders for the splits, a fifth of
    each class is held out as test images.

    Args:
        path: A folder `train|test/<class>/`, `train|validation/<class>/` or `<class>/` with images, that folder as a
            zip, `fer2013.csv` or `icml_face_data.csv`; recognized by content. `None` takes the sample bundled with
            the checkout.
        classes: The classes to use, in the order of their labels; images of others are left out.
        crop: Which images are searched for faces, of which the largest is cut out as `crop_face` does: `auto`, those
            larger than 64 pixels (without a face they are taken whole), `always` (without a face they are left out) or
            `never`.

    Raises:
        UsageError: The path does not exist, is not a data set in a known form, or has no images of a class.
        FerZooError: No image in it can be read.

    Examples:
        >>> from fer_zoo import load_dataset
        >>> dataset = load_dataset("faces.zip")
        >>> dataset.has("train"), dataset.images.dtype, dataset.images.shape[1:]
        (True, dtype('uint8'), (48, 48))
    """
    if not isinstance(path, str | os.PathLike | None):
        raise UsageError(f"the data must be the path of a folder, a zip or a CSV, not {type(path).__name__}")
    if isinstance(classes, str):
        raise UsageError(f"the classes must be a list of names, not the text {classes!r}")
    if crop not in CROPS:
        raise UsageError(f"there is no crop {crop!r}; choose one of {', '.join(CROPS)}")
    source = open_source(bundled() if path is None else Path(path))
    fingerprint = hashlib.sha256(f"{_VERSION} {source.fingerprint()}".encode()).hexdigest()[:32]
    displayed = f"data/{BUNDLED.name}" if path is None else str(path)
    folder = cache_dir() / f"{fingerprint}-{crop}"
    arrays, names, notes = _load(folder)
    if classes and names != tuple(classes):
        chosen = hashlib.sha256(json.dumps(list(classes)).encode()).hexdigest()[:8]
        folder = folder.with_name(f"{folder.name}-{chosen}")
        arrays, names, notes = _load(folder)
    if not arrays:
        decoded = source.read(classes, crop)
        arrays, names, notes = _arrays_of(decoded), decoded.classes.names, decoded.notes()
        reason = "it cannot be read back"
        try:
            _store(folder, decoded)
        except OSError as error:
            reason = error.strerror or str(error)
        # Another process may have written the cache at the same time.
        if cached := _load(folder)[0]:
            arrays = cached
        else:
            notes += (
                f"cannot write the cache {folder.parent} ({reason}): the images stay in memory and "
                "are decoded again next time; set FER_ZOO_CACHE to a folder with room",
            )
    for array in arrays.values():
        array.setflags(write=False)
    return Dataset(**arrays, source=displayed, fingerprint=fingerprint, notes=notes, expressions=names)


def bundled() -> Path:
    """The path of the sample that comes with a checkout.

    Raises:
        UsageError: This is an installed package, which does not contain the sample.
    """
    if not BUNDLED.is_file():
        raise UsageError(
            "no data given, and the bundled sample comes only with a checkout; "
            "pass --data with your copy of FER2013, or get one with `fer-zoo data download`"
        )
    return BUNDLED


def _arrays_of(decoded: Decoded) -> dict[str, np.ndarray]:
    return {name: getattr(decoded, name) for name in _ARRAYS}


def _load(folder: Path) -> tuple[dict[str, np.ndarray], tuple[str, ...], tuple[str, ...]]:
    """The arrays, class names and notes in a cache folder; empty if the folder is missing or damaged."""
    try:
        meta = json.loads((folder / "meta.json").read_text("utf-8"))
        arrays = {name: np.load(folder / f"{name}.npy", allow_pickle=False) for name in _ARRAYS[1:]}
        arrays["images"] = np.load(folder / "images.npy", mmap_mode="r", allow_pickle=False)
        notes, names = tuple(map(str, meta["notes"])), tuple(map(str, meta["classes"]))
        intact = (
            all(len(array) == meta["count"] for array in arrays.values())
            and arrays["images"].shape[1:] == (IMAGE_SIZE, IMAGE_SIZE)
            and arrays["labels"].max() < len(names)
            and all(_checksum(arrays[name]) == meta["crc32"][name] for name in _ARRAYS)
        )
    except (OSError, ValueError, KeyError, TypeError, EOFError, AttributeError):
        return {}, (), ()
    return (arrays, names, notes) if intact else ({}, (), ())


def _store(folder: Path, decoded: Decoded) -> None:
    """Write a cache folder under a temporary name, then rename it."""
    with temporary_folder(folder.parent) as temporary:
        for name in _ARRAYS:
            with (temporary / f"{name}.npy").open("wb") as file:
                np.save(file, getattr(decoded, name), allow_pickle=False)
        meta = {
            "count": len(decoded.images),
            "crc32": {name: _checksum(getattr(decoded, name)) for name in _ARRAYS},
            "classes": decoded.classes.names,
            "notes": decoded.notes(),
        }
        (temporary / "meta.json").write_text(json.dumps(meta, indent=2))
        if not _load(folder)[0]:
            shutil.rmtree(folder, ignore_errors=True)
            os.rename(temporary, folder)


def _checksum(array: np.ndarray) -> int:
    return zlib.crc32(np.ascontiguousarray(array).view(np.uint8).data)
