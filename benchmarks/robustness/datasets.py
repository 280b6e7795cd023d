"""Reads other labelled data sets of faces in their published layouts.

CK+: `Emotion/SUBJECT/SEQUENCE/*_emotion.txt` beside `cohn-kanade-images/SUBJECT/SEQUENCE/*.png`. 0 neutral, 1 anger,
2 contempt, 3 disgust, 4 fear, 5 happy, 6 sadness, 7 surprise. The last frame of a labelled sequence shows the
expression, its first is taken as neutral; the face is found in the whole picture.

RAF-DB: `EmoLabel/list_patition_label.txt` beside `Image/aligned/test_0001_aligned.jpg`. 1 surprise, 2 fear, 3 disgust,
4 happiness, 5 sadness, 6 anger, 7 neutral. Only its test part.

AffectNet: `annotations/N_exp.npy` beside `images/N.jpg`, of the validation set. 0 neutral, 1 happy, 2 sad, 3 surprise,
4 fear, 5 disgust, 6 anger, 7 contempt. Its first release: `validation.csv` with face boxes, and 8 none, 9 uncertain,
10 no face besides.

Any other: `CLASS/*.png` or `test/CLASS/*.png`, such as Kaggle's CK+48 and Kaggle's RAF-DB (classes 1 to 7).
"""

from __future__ import annotations

import csv
import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from fer_zoo.console import track
from fer_zoo.contract import EXPRESSIONS, IMAGE_SIZE
from fer_zoo.crops import crop_square
from fer_zoo.errors import FerZooError, UsageError
from fer_zoo.faces import FaceDetector, crop_face, read_photo
from fer_zoo.inference.images import read_image
from fer_zoo.pictures import SUFFIXES

CONTEMPT = "contempt"

_CK_PLUS = ("neutral", "angry", CONTEMPT, "disgust", "fear", "happy", "sad", "surprise")
_RAF_DB = ("", "surprise", "fear", "disgust", "happy", "sad", "angry", "neutral")
_AFFECT_NET = (
    "neutral",
    "happy",
    "sad",
    "surprise",
    "fear",
    "disgust",
    "angry",
    CONTEMPT,
    "none",
    "uncertain",
    "no face",
)

_NAMES = {name: name for name in (*EXPRESSIONS, CONTEMPT)} | {
    alias: name
    for name, aliases in {
        "angry": ("anger",),
        "disgust": ("disgusted",),
        "fear": ("fearful", "afraid", "scared"),
        "happy": ("happiness", "happily"),
        "sad": ("sadness",),
        "surprise": ("surprised",),
        CONTEMPT: ("contemptuous",),
    }.items()
    for alias in aliases
}

# The box of a face in a larger picture: x, y, width and height in pixels.
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Labelled:
    """An image file, its class, and the position of the face: the whole image, a box, or still to be detected."""

    path: Path
    label: str
    box: Box | None = None
    find: bool = False


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
        left_out: Number of images of each other class (none, uncertain, no face), by its name.
        unreadable: One sentence for each image that cannot be read.
        fingerprint: Hexadecimal key of all pixels and labels.
    """

    layout: str
    images: np.ndarray
    labels: np.ndarray
    names: tuple[str, ...]
    contempt: np.ndarray
    absent: tuple[str, ...]
    left_out: dict[str, int]
    unreadable: tuple[str, ...]
    fingerprint: str


def load_faces(folder: Path) -> LabelledFaces:
    """Read a labelled folder, whose layout is recognized by its files.

    Raises:
        UsageError: There is no such folder, or its layout is unknown.
        FerZooError: It has no readable image of any of the seven expressions.
    """
    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder}; --dataset takes CK+, RAF-DB, AffectNet or CLASS/*.png")
    layout, labelled = _entries(folder)
    faces: list[np.ndarray] = []
    labels: list[int] = []
    names: list[str] = []
    contempt: list[np.ndarray] = []
    left_out: Counter[str] = Counter()
    unreadable: list[str] = []
    for entry in track(labelled, f"reading {layout}"):
        if entry.label not in (*EXPRESSIONS, CONTEMPT):
            left_out[entry.label] += 1
            continue
        try:
            face = _face(entry)
        except FerZooError as error:
            unreadable.append(str(error))
            continue
        if entry.label == CONTEMPT:
            contempt.append(face)
            continue
        faces.append(face)
        labels.append(EXPRESSIONS.index(entry.label))
        names.append(entry.path.relative_to(folder).as_posix())
    if not faces:
        raise FerZooError(f"{folder} ({layout}) has no readable image of the seven expressions")
    images, numbers = np.stack(faces), np.array(labels, np.int64)
    return LabelledFaces(
        layout=layout,
        images=images,
        labels=numbers,
        names=tuple(names),
        contempt=np.stack(contempt) if contempt else np.zeros((0, 48, 48), np.uint8),
        absent=tuple(name for i, name in enumerate(EXPRESSIONS) if i not in labels),
        left_out=dict(left_out),
        unreadable=tuple(unreadable),
        fingerprint=hashlib.sha256(images.tobytes() + numbers.tobytes()).hexdigest()[:32],
    )


def _entries(folder: Path) -> tuple[str, list[Labelled]]:
    known: tuple[tuple[str, Callable[[Path], Iterator[Labelled]], str], ...] = (
        ("CK+", _ck_plus, "Emotion"),
        ("RAF-DB", _raf_db, "EmoLabel/list_patition_label.txt"),
        ("AffectNet", _affect_net, "annotations"),
        ("AffectNet, first release", _affect_net_csv, "validation.csv"),
    )
    for layout, read, sign in known:
        if (folder / sign).exists():
            return layout, list(read(folder))
    labelled = list(_folders(folder))
    if not labelled:
        signs = ", ".join(sign for _, _, sign in known)
        raise UsageError(f"{folder} has no known layout: neither {signs}, nor folders named after expressions")
    return "a folder for each class", labelled


def _ck_plus(folder: Path) -> Iterator[Labelled]:
    for file in sorted((folder / "Emotion").glob("*/*/*_emotion.txt")):
        frames = sorted((folder / "cohn-kanade-images" / file.parent.relative_to(folder / "Emotion")).glob("*.png"))
        if frames:
            yield Labelled(frames[-1], _code(_CK_PLUS, file.read_text("utf-8"), file), find=True)
            if len(frames) > 1:
                yield Labelled(frames[0], "neutral", find=True)


def _raf_db(folder: Path) -> Iterator[Labelled]:
    file = folder / "EmoLabel" / "list_patition_label.txt"
    for line in file.read_text("utf-8").splitlines():
        name, _, code = line.strip().partition(" ")
        if name.startswith("test_"):
            image = folder / "Image" / "aligned" / f"{Path(name).stem}_aligned.jpg"
            yield Labelled(image, _code(_RAF_DB, code, file))


def _affect_net(folder: Path) -> Iterator[Labelled]:
    for file in sorted((folder / "annotations").glob("*_exp.npy")):
        code = str(np.load(file, allow_pickle=False))
        image = folder / "images" / f"{file.name.removesuffix('_exp.npy')}.jpg"
        yield Labelled(image, _code(_AFFECT_NET, code, file))


def _affect_net_csv(folder: Path) -> Iterator[Labelled]:
    file = folder / "validation.csv"
    with file.open(encoding="utf-8-sig", newline="") as lines:
        for row in csv.DictReader(lines):
            try:
                box = tuple(float(row[f"face_{name}"]) for name in ("x", "y", "width", "height"))
                path, code = folder / row["subDirectory_filePath"], row["expression"]
            except (KeyError, ValueError, TypeError) as error:
                raise FerZooError(f"{file} is not AffectNet's list: {error}") from error
            yield Labelled(path, _code(_AFFECT_NET, code, file), (box[0], box[1], box[2], box[3]))


def _folders(folder: Path) -> Iterator[Labelled]:
    """Read class folders in `folder` or its folder `test`; if all names are 1 to 7, they are RAF-DB's classes."""
    root = next((folder / name for name in ("test", "Test", "DATASET/test") if (folder / name).is_dir()), folder)
    classes = sorted(path for path in root.iterdir() if path.is_dir())
    numbered = bool(classes) and all(path.name in "1234567" for path in classes)
    for path in classes:
        label = _RAF_DB[int(path.name)] if numbered else _NAMES.get(path.name.lower())
        if label:
            images = sorted(file for file in path.iterdir() if file.suffix.lower() in SUFFIXES)
            yield from (Labelled(image, label) for image in images)


def _code(classes: tuple[str, ...], text: str, file: Path) -> str:
    try:
        name = classes[int(float(text))] if float(text) >= 0 else ""
    except (ValueError, IndexError):
        name = ""
    if not name:
        raise FerZooError(f"{file} has the class {text.strip()!r}, which this data set does not have")
    return name


def _face(entry: Labelled) -> np.ndarray:
    if entry.find:
        photo = read_photo(entry.path)
        faces = _detector().detect(photo)
        if not faces:
            raise FerZooError(f"no face is found in {entry.path}")
        return crop_face(photo, max(faces, key=lambda face: face.box[2] * face.box[3]))
    if entry.box:
        x, y, width, height = entry.box
        side = max(width, height)
        photo = read_photo(entry.path)
        return crop_square(photo, x + (width - side) / 2, y + (height - side) / 2, side, IMAGE_SIZE)
    return read_image(entry.path)


@cache
def _detector() -> FaceDetector:
    return FaceDetector()
