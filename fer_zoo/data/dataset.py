"""The labelled images of FER2013 as arrays, decoded once and memory-mapped from a cache after that."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import zlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from fer_zoo.contract import EXPRESSIONS, IMAGE_SIZE
from fer_zoo.data.decoded import SPLITS, Decoded
from fer_zoo.data.readers import open_source
from fer_zoo.errors import UsageError
from fer_zoo.files import cache_dir

BUNDLED = Path(__file__).parents[2] / "data" / "fer2013_sample.zip"

# Part of each cache key: raise it when the same source would be decoded differently.
_VERSION = 2
_ARRAYS = ("images", "labels", "splits", "names")


@dataclass(frozen=True, eq=False)
class Dataset:
    """Labelled face images.

    Attributes:
        images: uint8 `[n, 48, 48]`, gray, read-only (memory-mapped from the cache).
        labels: int64 `[n]`, index into `expressions`.
        splits: str `[n]`: `train`, `public_test`, `private_test`, or `test` for a test image that tells neither.
        names: str `[n]`, such as `test/happy/PublicTest_123.png` or `row 17`.
        source: What the user gave.
        fingerprint: Hexadecimal key of the source's content, the name of its cache folder.
        notes: Plain sentences worth telling the user.
        expressions: Names of the classes.

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
            here = ", ".join(name for name in SPLITS if (self.splits == name).any())
            raise UsageError(f"{self.source} has no {split} images (it has: {here or 'none'}); pass other --data")
        start, stop = int(index[0]), int(index[-1]) + 1
        # A slice of the memory map costs nothing, an index array copies.
        return self.take(slice(start, stop) if stop - start == len(index) else index)

    def take(self, index: np.ndarray | slice) -> Dataset:
        """The images at `index`, in its order."""
        return replace(self, **{name: getattr(self, name)[index] for name in _ARRAYS})

    def _mask(self, split: str) -> np.ndarray:
        if split not in SPLITS:
            raise UsageError(f"unknown split {split!r}; choose one of {', '.join(SPLITS)}")
        return self.splits != "train" if split == "test" else self.splits == split


def load_dataset(path: str | os.PathLike[str] | None = None) -> Dataset:
    """Load FER2013 from wherever it is, without decoding any image the second time.

    Args:
        path: A folder `train|test/<class>/` or `train|validation/<class>/` with images, that folder as a zip,
            `fer2013.csv` or `icml_face_data.csv`; told apart by content. `None` takes the sample bundled with
            the checkout.

    Raises:
        UsageError: The path does not exist, is no known form of FER2013, or has unknown classes.
        FerZooError: Nothing in it can be read.

    Examples:
        >>> from fer_zoo import load_dataset
        >>> dataset = load_dataset("faces.zip")
        >>> dataset.has("train"), dataset.images.dtype, dataset.images.shape[1:]
        (True, dtype('uint8'), (48, 48))
    """
    if not isinstance(path, str | os.PathLike | None):
        raise UsageError(f"the data must be the path of a folder, a zip or a CSV, not {type(path).__name__}")
    source = open_source(bundled() if path is None else Path(path))
    fingerprint = hashlib.sha256(f"{_VERSION} {source.fingerprint()}".encode()).hexdigest()[:32]
    shown = f"data/{BUNDLED.name}" if path is None else str(path)
    folder = cache_dir() / fingerprint
    arrays, notes = _load(folder)
    if not arrays:
        decoded = source.read()
        arrays, notes = {name: getattr(decoded, name) for name in _ARRAYS}, decoded.notes()
        reason = "it cannot be read back"
        try:
            _store(folder, decoded)
        except OSError as error:
            reason = error.strerror or str(error)
        # Where another process was faster, its cache is there although ours could not be written.
        if cached := _load(folder)[0]:
            arrays = cached
        else:
            notes += (
                f"cannot write the cache {folder.parent} ({reason}): the images stay in memory and "
                "are decoded again next time; set FER_ZOO_CACHE to a folder with room",
            )
    for array in arrays.values():
        array.setflags(write=False)
    images, labels, splits, names = (arrays[name] for name in _ARRAYS)
    return Dataset(images, labels, splits, names, source=shown, fingerprint=fingerprint, notes=notes)


def bundled() -> Path:
    """The sample that comes with a checkout.

    Raises:
        UsageError: This is an installed package, which has none.
    """
    if not BUNDLED.is_file():
        raise UsageError(
            "no data given, and the bundled sample comes only with a checkout; "
            "pass --data with your copy of FER2013, or get one with `fer-zoo data download`"
        )
    return BUNDLED


def _load(folder: Path) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    """The arrays and notes of a cache folder, nothing where it is missing or damaged."""
    try:
        meta = json.loads((folder / "meta.json").read_text("utf-8"))
        arrays = {name: np.load(folder / f"{name}.npy", allow_pickle=False) for name in _ARRAYS[1:]}
        arrays["images"] = np.load(folder / "images.npy", mmap_mode="r", allow_pickle=False)
        notes = tuple(map(str, meta["notes"]))
        intact = (
            all(len(array) == meta["count"] for array in arrays.values())
            and arrays["images"].shape[1:] == (IMAGE_SIZE, IMAGE_SIZE)
            and arrays["labels"].max() < len(EXPRESSIONS)
            and all(_checksum(arrays[name]) == meta["crc32"][name] for name in _ARRAYS)
        )
    except (OSError, ValueError, KeyError, TypeError, EOFError, AttributeError):
        return {}, ()
    return (arrays, notes) if intact else ({}, ())


def _store(folder: Path, decoded: Decoded) -> None:
    """Write a cache folder under a temporary name, then rename it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".writing-"))
    try:
        for name in _ARRAYS:
            with (temporary / f"{name}.npy").open("wb") as file:
                np.save(file, getattr(decoded, name), allow_pickle=False)
        meta = {
            "count": len(decoded.images),
            "crc32": {name: _checksum(getattr(decoded, name)) for name in _ARRAYS},
            "notes": decoded.notes(),
        }
        (temporary / "meta.json").write_text(json.dumps(meta, indent=2))
        if not _load(folder)[0]:
            shutil.rmtree(folder, ignore_errors=True)
            temporary.chmod(0o755)
            os.rename(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _checksum(array: np.ndarray) -> int:
    return zlib.crc32(np.ascontiguousarray(array).view(np.uint8).data)
