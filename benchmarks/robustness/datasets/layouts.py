"""How the labelled sets are laid out, and what their class codes mean; docs/other-datasets.md is for their users.

Each is as its authors hand it out. Sets that a file labels are recognized by that file, others by the names of their
images, which also tell the class.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from fer_zoo.contract import EXPRESSIONS
from fer_zoo.data.listing import Listing, list_folder
from fer_zoo.errors import FerZooError, UsageError
from fer_zoo.faces.largest import Crop

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
_EXPW = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
_JAFFE = dict(an="angry", di="disgust", fe="fear", ha="happy", ne="neutral", sa="sad", su="surprise")
_KDEF = dict(af="fear", an="angry", di="disgust", ha="happy", ne="neutral", sa="sad", su="surprise")

_NAMES = {name: name for name in (*EXPRESSIONS, CONTEMPT)} | {
    alias: name
    for name, aliases in {
        "angry": ("anger",),
        "disgust": ("disgusted",),
        "fear": ("fearful", "afraid", "scared"),
        "happy": ("happiness", "happily", "joy"),
        "sad": ("sadness",),
        "surprise": ("surprised",),
        CONTEMPT: ("contemptuous",),
    }.items()
    for alias in aliases
}

# A folder around the set, the part of it, a folder of crops, the class.
_DEPTH = 4
# Where a set has parts, the first of these that there is.
_PARTS = ("test", "dataset/test", "validation", "valid", "val", "")

# The box of a face in a larger picture: x, y, width and height in pixels.
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Labelled:
    """An image file, its class, and the position of the face.

    Attributes:
        path: Path of the file.
        label: One of `EXPRESSIONS`, contempt, or the name of what it is left out for.
        box: Box of the face; `None` if it is the whole image or still to be detected.
        crop: Whether the face is still to be detected, as `LargestFace` takes it.
    """

    path: Path
    label: str
    box: Box | None = None
    crop: Crop = "never"


@dataclass(frozen=True)
class Layout:
    """A folder whose layout is recognized.

    Attributes:
        layout: Name of the layout.
        labelled: Images with a class.
        outside: Names of images without one, which are outside `place`.
        place: Where images with a class are.
        unreadable: Name and reason of files and folders that cannot be looked at.
        no_images: Files of other kinds.
        broken_links: Links to files that do not exist.
    """

    layout: str
    labelled: Sequence[Labelled]
    outside: Sequence[str] = ()
    place: str = "the class folders"
    unreadable: Sequence[tuple[str, str]] = ()
    no_images: Sequence[str] = ()
    broken_links: Sequence[str] = ()


def find_layout(folder: Path) -> Layout:
    """Recognize a folder.

    Raises:
        UsageError: It has none of the known layouts.
        FerZooError: A list of labels is damaged.
    """
    for name, sign, read in _BY_LIST:
        if (folder / sign).exists():
            return Layout(name, list(read(folder)))
    listing = list_folder(folder, _DEPTH)
    for names in _BY_NAME:
        if labelled := {name: entry for name in listing.images if (entry := names.entry(folder, name))}:
            return _layout(names.layout, labelled, listing, names.place)
    return _class_folders(folder, listing)


def _layout(name: str, labelled: Mapping[str, Labelled], listing: Listing, place: str) -> Layout:
    outside = [name for name in listing.images if name not in labelled]
    skipped = (listing.unreadable, listing.no_images, listing.broken_links)
    return Layout(name, list(labelled.values()), outside, place, *skipped)


def _ck_plus(folder: Path) -> Iterator[Labelled]:
    """CK+ (Lucey et al. 2010): `Emotion/S005/001/*_emotion.txt` beside `cohn-kanade-images/S005/001/*.png`.

    0 neutral, 1 anger, 2 contempt, 3 disgust, 4 fear, 5 happy, 6 sadness, 7 surprise, as the set's ReadMe has it. The
    last frame of a labelled sequence shows the expression, its first is taken as neutral; most sequences have a label.
    """
    pictures = folder / "cohn-kanade-images"
    sequences = {path: sorted(path.glob("*.png")) for path in sorted(pictures.glob("*/*")) if path.is_dir()}
    for file in sorted((folder / "Emotion").glob("*/*/*_emotion.txt")):
        sequence = pictures / file.parent.relative_to(folder / "Emotion")
        frames = sequences.pop(sequence, []) or [sequence / f"{file.name.removesuffix('_emotion.txt')}.png"]
        yield Labelled(frames[-1], _code(_CK_PLUS, file.read_text("utf-8"), file), crop="always")
        if len(frames) > 1:
            yield Labelled(frames[0], "neutral", crop="always")
    yield from (Labelled(sequence, "no label") for sequence in sequences)


def _raf_db(folder: Path) -> Iterator[Labelled]:
    """RAF-DB (Li, Deng, Du 2017): `EmoLabel/list_patition_label.txt` beside `Image/aligned/test_0001_aligned.jpg`.

    1 surprise, 2 fear, 3 disgust, 4 happiness, 5 sadness, 6 anger, 7 neutral. Only its test part.
    """
    file = folder / "EmoLabel" / "list_patition_label.txt"
    for line in file.read_text("utf-8").splitlines():
        name, _, code = line.strip().partition(" ")
        if name:
            image = folder / "Image" / "aligned" / f"{Path(name).stem}_aligned.jpg"
            yield Labelled(image, _code(_RAF_DB, code, file) if name.startswith("test_") else "train part")


def _affect_net(folder: Path) -> Iterator[Labelled]:
    """AffectNet (Mollahosseini, Hasani, Mahoor 2017), validation set: `annotations/N_exp.npy` beside `images/N.jpg`.

    0 neutral, 1 happy, 2 sad, 3 surprise, 4 fear, 5 disgust, 6 anger, 7 contempt.
    """
    for file in sorted((folder / "annotations").glob("*_exp.npy")):
        code = str(np.load(file, allow_pickle=False))
        image = folder / "images" / f"{file.name.removesuffix('_exp.npy')}.jpg"
        yield Labelled(image, _code(_AFFECT_NET, code, file))


def _affect_net_csv(folder: Path) -> Iterator[Labelled]:
    """AffectNet's first release: `validation.csv` with face boxes, and 8 none, 9 uncertain, 10 no face besides."""
    file = folder / "validation.csv"
    with file.open(encoding="utf-8-sig", newline="") as lines:
        for row in csv.DictReader(lines):
            try:
                box = tuple(float(row[f"face_{name}"]) for name in ("x", "y", "width", "height"))
                path, code = folder / row["subDirectory_filePath"], row["expression"]
            except (KeyError, ValueError, TypeError) as error:
                raise FerZooError(f"{file} is not AffectNet's list: {error}") from error
            yield Labelled(path, _code(_AFFECT_NET, code, file), (box[0], box[1], box[2], box[3]))


def _expw(folder: Path) -> Iterator[Labelled]:
    """ExpW (Zhang, Luo, Loy, Tang 2016, arXiv:1609.06426): `label/label.lst` beside `image/origin/*.jpg`.

    A line is a face: image name, face id, box top, left, right, bottom, confidence of the box, label; 0 angry,
    1 disgust, 2 fear, 3 happy, 4 sad, 5 surprise, 6 neutral, as the set's readme has it.
    """
    file = folder / "label" / "label.lst"
    for line in file.read_text("utf-8").splitlines():
        if not line.strip():
            continue
        try:
            name, _, *numbers, code = line.rsplit(maxsplit=7)
            top, left, right, bottom, _ = map(float, numbers)
        except ValueError as error:
            raise FerZooError(f"{file} is not ExpW's list: {line.strip()[:80]!r} is not a face") from error
        box = (left, top, right - left, bottom - top)
        yield Labelled(folder / "image" / "origin" / name, _code(_EXPW, code, file), box)


_BY_LIST: tuple[tuple[str, str, Callable[[Path], Iterator[Labelled]]], ...] = (
    ("CK+", "Emotion", _ck_plus),
    ("RAF-DB", "EmoLabel/list_patition_label.txt", _raf_db),
    ("AffectNet", "annotations", _affect_net),
    ("AffectNet, first release", "validation.csv", _affect_net_csv),
    ("ExpW", "label/label.lst", _expw),
)


@dataclass(frozen=True)
class _Names:
    """A layout whose images' names tell the class.

    Attributes:
        layout: Name of the layout.
        pattern: Regular expression of the whole name, relative to the folder; its group `code` is a key of `classes`.
        place: Where such images are, for the sentence about others.
        classes: What the codes mean, in lower case.
        crop: As in `Labelled`.
    """

    layout: str
    pattern: str
    place: str
    classes: Mapping[str, str] = field(default_factory=lambda: _NAMES)
    crop: Crop = "always"

    def entry(self, folder: Path, name: str) -> Labelled | None:
        if not (match := re.search(self.pattern, name, re.IGNORECASE)):
            return None
        label = self.classes[match["code"].lower()]
        if match.groupdict().get("view", "S").upper() != "S":
            label = "not frontal"
        return Labelled(folder / name, label, crop=self.crop)


# The name of a frame of SFEW: film, time and person.
_FRAME = r"[^/]+_\d{9}_\d{8}\.\w+$"
_CLASSES = "angry|disgust|fear|happy|neutral|sad|surprise"

_BY_NAME = (
    # JAFFE (Lyons, Akamatsu, Kamachi, Gyoba 1998), its README: KA.AN1.39.tiff is model, expression and number, image.
    _Names("JAFFE", r"(^|/)[A-Z]{2}\.(?P<code>AN|DI|FE|HA|NE|SA|SU)\d\.\d+\.\w+$", "JAFFE's names", _JAFFE),
    # KDEF (Lundqvist, Flykt, Oehman 1998), "About KDEF": AF01ANS.JPG is session, sex, number, expression, view (full or
    # half left or right profile, straight).
    _Names(
        "KDEF", r"(^|/)[AB][FM]\d\d(?P<code>AF|AN|DI|HA|NE|SA|SU)(?P<view>FL|HL|S|HR|FR)\.\w+$", "KDEF's names", _KDEF
    ),
    # SFEW 2.0 (Dhall et al. 2011 and 2015): Val_Aligned_Faces/Angry/FILM_000519240_00000005.png, or Val/Angry with
    # whole frames. Only its validation part: its test part has no labels.
    _Names(
        "SFEW 2.0, aligned faces",
        rf"(^|/)val[^/]*aligned[^/]*/(?P<code>{_CLASSES})/{_FRAME}",
        "the class folders of the validation part",
        crop="never",
    ),
    _Names("SFEW 2.0", rf"(^|/)val[^/]*/(?P<code>{_CLASSES})/{_FRAME}", "the class folders of the validation part"),
    # FERG-DB (Aneja et al. 2016), its README: FERG_DB_256/aia/aia_anger/aia_anger_1.png, 256x256, drawn characters.
    _Names(
        "FERG",
        r"(^|/)(?P<who>[a-z]+)/(?P=who)_(?P<code>anger|disgust|fear|joy|neutral|sadness|surprise)/[^/]+$",
        "the class folders",
        crop="auto",
    ),
)


def _class_folders(folder: Path, listing: Listing) -> Layout:
    """A folder for each class, such as Kaggle's CK+48; if all names are 1 to 7, Kaggle's RAF-DB."""
    parts = {name: name.split("/") for name in listing.images}
    for part in _PARTS:
        inside = {name: path[-2] for name, path in parts.items() if _part(path) == part}
        numbered = all(label in "1234567" for label in inside.values())
        if inside and (numbered or any(label.lower() in _NAMES for label in inside.values())):
            break
    else:
        signs = ", ".join(sign for _, sign, _ in _BY_LIST)
        raise UsageError(
            f"{folder} has no known layout: neither {signs}, nor the file names of JAFFE, KDEF, SFEW or FERG, nor "
            "folders named after expressions"
        )
    labelled = {
        name: Labelled(folder / name, _RAF_DB[int(label)] if numbered else _NAMES.get(label.lower(), label))
        for name, label in inside.items()
    }
    return _layout("a folder for each class", labelled, listing, "the class folders" + (part and f" of {part}"))


def _part(path: Sequence[str]) -> str | None:
    """The part of a set that an image in a class folder belongs to, in lower case; `None` for others."""
    return "/".join(path[:-2]).lower() if len(path) > 1 else None


def _code(classes: tuple[str, ...], text: str, file: Path) -> str:
    try:
        name = classes[int(float(text))] if float(text) >= 0 else ""
    except (ValueError, IndexError):
        name = ""
    if not name:
        raise FerZooError(f"{file} has the class {text.strip()!r}, which this data set does not have")
    return name


# For messages: all that is known.
_ALL = (*(name for name, _, _ in _BY_LIST), *(names.layout for names in _BY_NAME))
LAYOUTS = (*dict.fromkeys(name.partition(",")[0] for name in _ALL), "or a folder for each class")
