"""Readers for the known forms of a data set: a folder of images, that folder as a zip, FER2013's official CSV."""

from __future__ import annotations

import csv
import hashlib
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from typing import IO, Protocol

import numpy as np

from fer_zoo.console import track
from fer_zoo.contract import EXPRESSIONS, IMAGE_SIZE
from fer_zoo.data.classes import Classes, choose_classes
from fer_zoo.data.decoded import Decoded
from fer_zoo.data.layout import LAYOUT, LabelledPath, find_layout
from fer_zoo.data.listing import Listing, is_hidden, is_image, list_folder
from fer_zoo.errors import FerZooError, UsageError
from fer_zoo.faces.largest import Crop, LargestFace
from fer_zoo.files import sha256
from fer_zoo.pictures import PictureError
from fer_zoo.text import reason

# The official CSV numbers its classes in an order of its own.
CSV_EXPRESSIONS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")

CSV_SPLITS = {"training": "train", "publictest": "public_test", "privatetest": "private_test"}
_CSV_COLUMNS = ("emotion", "pixels", "usage")
_CSV_NAMES = ("fer2013.csv", "icml_face_data.csv")
# Limit for the unpacked size of a file in a zip: far larger than any image of a face, but little memory.
_MAX_MEMBER_BYTES = 100_000_000
# The exceptions that zipfile raises for a damaged member or an unknown compression.
_ZIP_DAMAGE = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError)
# The folder that contains train and test, the folder of the split, and that of the class.
_MAX_DEPTH = 3


class Source(Protocol):
    """A folder or file that a data set can be read from."""

    def fingerprint(self) -> str:
        """A hexadecimal key that changes with the content; computed without decoding images."""

    def read(self, classes: Sequence[str] | None = None, crop: Crop = "never") -> Decoded:
        """Decode all images.

        Args:
            classes: The classes to read, in the order of their labels; `None`: `choose_classes` decides.
            crop: Which images are searched for faces, as `LargestFace` takes it. Rows of a CSV are always faces.

        Raises:
            UsageError: This is not a data set in a known form, or it has no images of a class.
            FerZooError: No image in it can be read.
        """


def open_source(path: str | Path) -> Source:
    """Choose the reader for `path` by its content.

    Raises:
        UsageError: The path does not exist or is not in a known form.
        FerZooError: It is a damaged archive.
    """
    path = Path(path).expanduser()
    if path.is_dir():
        tables = [path / name for name in _CSV_NAMES if (path / name).is_file()]
        return CsvSource(tables[0]) if tables else FolderSource(path)
    if not path.exists():
        raise UsageError(f"{path} does not exist; --data takes a folder, a zip or a CSV with FER2013")
    with path.open("rb") as file:
        start = file.read(4096)
    if not start:
        raise UsageError(f"{path} is empty; {LAYOUT}")
    if zipfile.is_zipfile(path):
        return _open_zip(path)
    if start.startswith(b"PK"):
        raise FerZooError(f"{path} is a damaged zip (a download that broke off?); get it again")
    if _is_tar(path):
        raise UsageError(f"{path} is a tar archive; unpack it (tar xf {path.name}) and pass the CSV or folder inside")
    if b"," in start.splitlines()[0] and b"\0" not in start:
        return CsvSource(path)
    raise UsageError(f"{path} is neither a zip nor a CSV; {LAYOUT}")


class FolderSource:
    """`train|test/<class>/<image>` or `<class>/<image>`, directly in the folder or one folder deeper."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._listing = list_folder(path, _MAX_DEPTH)
        self._key = hashlib.sha256(f"folder {path.resolve()}\n".encode(errors="surrogateescape"))
        for state in self._listing.states:
            self._key.update(state.encode(errors="surrogateescape"))

    def fingerprint(self) -> str:
        return self._key.hexdigest()

    def read(self, classes: Sequence[str] | None = None, crop: Crop = "never") -> Decoded:
        return _read_images(str(self.path), self._listing, lambda name: self.path / name, classes, crop)


class ZipSource:
    """The folder layout inside a zip."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def fingerprint(self) -> str:
        return sha256(self.path)

    def read(self, classes: Sequence[str] | None = None, crop: Crop = "never") -> Decoded:
        listing = Listing()
        members: dict[str, zipfile.ZipInfo] = {}
        with zipfile.ZipFile(self.path) as archive:
            for info in archive.infolist():
                name = info.filename.replace("\\", "/")
                if info.flag_bits & 1:
                    raise FerZooError(f"{self.path} is encrypted; unpack it with its password and pass the folder")
                if info.is_dir() or is_hidden(name):
                    continue
                if name in members:
                    listing.duplicates.append(name)
                    continue
                members[name] = info
                listing.add(name)

            def content(name: str) -> bytes:
                if members[name].file_size > _MAX_MEMBER_BYTES:
                    raise PictureError(name, f"has more than {_MAX_MEMBER_BYTES / 1e6:g} MB")
                return archive.read(members[name])

            return _read_images(str(self.path), listing, content, classes, crop)


class CsvSource:
    """`fer2013.csv` or `icml_face_data.csv`: one row an image, with its 2,304 gray values as text.

    Args:
        path: The CSV, or a zip that contains it.
        member: Name of the CSV in that zip.
    """

    def __init__(self, path: Path, member: str | None = None) -> None:
        self.path = path
        self.member = member

    def fingerprint(self) -> str:
        return sha256(self.path)

    def read(self, classes: Sequence[str] | None = None, crop: Crop = "never") -> Decoded:
        try:
            return self._read(choose_classes(EXPRESSIONS, classes))
        except (csv.Error, *_ZIP_DAMAGE) as error:
            raise FerZooError(f"{self.path} is damaged ({reason(error)}); get it again") from error

    def _read(self, classes: Classes) -> Decoded:
        with self._open() as file:
            total = sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))
        images, labels, splits, names = [], [], [], []
        unreadable = []
        with self._open() as file, io.TextIOWrapper(file, "utf-8-sig", errors="replace", newline="") as text:
            rows = (row for row in csv.reader(text) if row)
            columns = self._columns(next(rows, []))
            for number, row in enumerate(track(rows, "Reading the CSV", max(total - 1, 1))):
                try:
                    expression, split, image = _read_row(row, *columns)
                except ValueError as error:
                    unreadable.append((f"row {number}", str(error)))
                    continue
                label = classes.labels[expression]
                if label is None:
                    continue
                images.append(image)
                labels.append(label)
                splits.append(split)
                names.append(f"row {number}")
        if not images:
            first = f" ({unreadable[0][0]}: {unreadable[0][1]})" if unreadable else ""
            raise FerZooError(f"{self.path} has no readable row{first}; {LAYOUT}")
        return Decoded(
            images=np.stack(images),
            labels=np.array(labels, np.int64),
            splits=np.array(splits),
            names=np.array(names),
            classes=classes,
            unreadable=tuple(unreadable),
        )

    def _open(self) -> IO[bytes]:
        if self.member is None:
            return self.path.open("rb")
        return zipfile.ZipFile(self.path).open(self.member)

    def _columns(self, header: list[str]) -> list[int]:
        columns = [column.strip().casefold() for column in header]
        if missing := [column for column in _CSV_COLUMNS if column not in columns]:
            raise UsageError(
                f"{self.path} lacks the column{'s' if len(missing) > 1 else ''} {', '.join(missing)} "
                f"(it has: {', '.join(header)[:200]}); fer2013.csv and icml_face_data.csv have emotion, pixels, Usage"
            )
        return [columns.index(column) for column in _CSV_COLUMNS]


def _open_zip(path: Path) -> Source:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except _ZIP_DAMAGE as error:
        raise FerZooError(f"{path} is a damaged zip ({reason(error)}); get it again") from error
    tables = [name for name in names if PurePosixPath(name).name in _CSV_NAMES]
    if tables and not any(map(is_image, names)):
        return CsvSource(path, tables[0])
    return ZipSource(path)


def _is_tar(path: Path) -> bool:
    try:
        return tarfile.is_tarfile(path)
    except (OSError, EOFError):
        return False


def _read_images(
    source: str,
    listing: Listing,
    locate: Callable[[str], Path | bytes],
    chosen: Sequence[str] | None,
    crop: Crop,
) -> Decoded:
    """Read the images; `locate` returns the path or the content of an image by its name."""
    layout = find_layout(source, listing.images, chosen)
    images = np.empty((len(layout.images), IMAGE_SIZE, IMAGE_SIZE), np.uint8)
    decoded: list[LabelledPath] = []
    unreadable, resized, recoloured, faceless, crowded = list(listing.unreadable), [], [], [], []
    cropped, largest = 0, LargestFace(crop)
    for entry in track(layout.images, "Decoding images", len(layout.images)):
        try:
            face = largest.of(locate(entry.path))
        except PictureError as error:
            unreadable.append((entry.name, error.reason))
            continue
        except (ValueError, OSError, *_ZIP_DAMAGE) as error:
            unreadable.append((entry.name, f"cannot be read: {reason(error)}"))
            continue
        if face.faces == 0:
            faceless.append(entry.name)
        if face.image is None:
            continue
        images[len(decoded)] = face.image
        decoded.append(entry)
        cropped += bool(face.faces)
        if (face.faces or 0) > 1:
            crowded.append(entry.name)
        if face.resized:
            resized.append(entry.name)
        if face.recoloured:
            recoloured.append(entry.name)
    if not decoded and faceless:
        raise FerZooError(f"no face was found in any of the {len(faceless):,} readable images in {source}")
    if not decoded:
        raise FerZooError(
            f"none of the {len(layout.images):,} images in {source} can be read "
            f"({unreadable[0][0]}: {unreadable[0][1]}); get the data again"
        )
    return Decoded(
        images=images[: len(decoded)],
        labels=np.array([entry.label for entry in decoded], np.int64),
        splits=np.array([entry.split for entry in decoded]),
        names=np.array([entry.name for entry in decoded]),
        classes=layout.classes,
        held_out=layout.held_out,
        unreadable=tuple(unreadable),
        crop=crop,
        cropped=cropped,
        faceless=tuple(faceless),
        crowded=tuple(crowded),
        resized=tuple(resized),
        recoloured=tuple(recoloured),
        outside=layout.outside,
        no_images=tuple(listing.no_images),
        broken_links=tuple(listing.broken_links),
        duplicates=tuple(listing.duplicates),
    )


def _read_row(row: list[str], emotion: int, pixels: int, usage: int) -> tuple[str, str, np.ndarray]:
    if len(row) <= max(emotion, pixels, usage):
        raise ValueError("too few columns")
    split = CSV_SPLITS.get(row[usage].strip().casefold())
    if split is None:
        raise ValueError(f"unknown Usage {row[usage].strip()[:30]!r}")
    number = row[emotion].strip()
    if number not in ("0", "1", "2", "3", "4", "5", "6"):
        raise ValueError(f"unknown emotion {number[:30]!r}")
    try:
        values = bytes(map(int, row[pixels].split()))
    except ValueError as error:
        raise ValueError("pixels that are no numbers from 0 to 255") from error
    if len(values) != IMAGE_SIZE**2:
        raise ValueError(f"{len(values):,} pixels instead of {IMAGE_SIZE**2:,}")
    image = np.frombuffer(values, np.uint8).reshape(IMAGE_SIZE, IMAGE_SIZE)
    return CSV_EXPRESSIONS[int(number)], split, image
