"""FER+ votes: ten annotators for each image of FER2013 (Barsoum et al., 2016, https://arxiv.org/abs/1608.01041)."""

from __future__ import annotations

import csv
import os
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import numpy as np

from fer_zoo.contract import EXPRESSIONS, FERPLUS_EXPRESSIONS
from fer_zoo.data.dataset import BUNDLED, Dataset, load_dataset
from fer_zoo.data.readers import CSV_SPLITS
from fer_zoo.errors import FerZooError, UsageError
from fer_zoo.faces.largest import Crop

FERPLUS_CLASSES = (
    "neutral",
    "happiness",
    "surprise",
    "sadness",
    "anger",
    "disgust",
    "fear",
    "contempt",
    "unknown",
    "NF",
)

ANNOTATORS = 10

BUNDLED_VOTES = BUNDLED.with_name("ferplus_sample.csv")

# The columns of FERPLUS_EXPRESSIONS, and of EXPRESSIONS, which has no contempt. The columns unknown and NF (not a face)
# are not expressions.
_EIGHT_COLUMNS = tuple(
    map(FERPLUS_CLASSES.index, ("anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise", "contempt"))
)
FERPLUS_COLUMNS = _EIGHT_COLUMNS[:-1]


def columns_of(expressions: tuple[str, ...]) -> tuple[int, ...]:
    """The columns of the votes that belong to `EXPRESSIONS` or `FERPLUS_EXPRESSIONS`, in their order."""
    return _EIGHT_COLUMNS[: len(expressions)]


@dataclass(frozen=True, eq=False)
class Votes:
    """The rows of a FER+ file.

    Attributes:
        rows: int64 `[m]`, row of the image in the official `fer2013.csv`, counted from 0 below the header.
        names: File name of each image without its suffix; empty if the file has no names.
        splits: Split of each row; empty if the file has no splits.
        votes: float32 `[m, 10]`, in the order of `FERPLUS_CLASSES`.
    """

    rows: np.ndarray
    names: tuple[str, ...]
    splits: tuple[str, ...]
    votes: np.ndarray


def read_ferplus(path: str | Path) -> Votes:
    """Read `ferplus.csv` (keys `row` and `image`) or the original `fer2013new.csv` (the row is the position).

    Raises:
        UsageError: The file does not exist or lacks a column.
        FerZooError: A value is not a number of votes.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise UsageError(f"{path} does not exist; pass FER+'s fer2013new.csv or a ferplus.csv")
    rows, names, splits, votes = [], [], [], []
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        reader = csv.reader(file)
        try:
            header = [column.strip().casefold() for column in next(reader, [])]
            wanted = [name.casefold() for name in FERPLUS_CLASSES]
            if missing := [name for name in wanted if name not in header]:
                raise UsageError(f"{path} is not a FER+ file: it lacks the columns {', '.join(missing)}")
            columns = [header.index(name) for name in wanted]
            row_column = header.index("row") if "row" in header else None
            name_column = next((header.index(name) for name in ("image", "image name") if name in header), None)
            split_column = header.index("usage") if "usage" in header else name_column
            for position, line in enumerate(line for line in reader if line):
                rows.append(position if row_column is None else int(line[row_column]))
                names.append("" if name_column is None else PurePosixPath(line[name_column].strip()).stem)
                usage = "" if split_column is None else line[split_column].strip().casefold().partition("_")[0]
                splits.append(CSV_SPLITS.get(usage, ""))
                votes.append(_votes([line[column] for column in columns]))
        except (csv.Error, ValueError, IndexError) as error:
            raise FerZooError(f"line {reader.line_num} of {path} is damaged ({error}); get the file again") from error
    if not rows:
        raise FerZooError(f"{path} has no rows; get the file again")
    return Votes(np.array(rows, np.int64), tuple(names), tuple(splits), np.array(votes, np.float32))


def _votes(texts: list[str]) -> list[int]:
    """Parse the votes for one image; ValueError if they are impossible."""
    votes = []
    for text in texts:
        value = float(text)
        if value not in range(ANNOTATORS + 1):  # Also for NaN and for parts of a vote.
            raise ValueError(f"{text.strip()} is no number of votes: each image had {ANNOTATORS} annotators")
        votes.append(int(value))
    if sum(votes) > ANNOTATORS:
        raise ValueError(f"{sum(votes)} votes for an image that had {ANNOTATORS} annotators")
    return votes


def join_ferplus(dataset: Dataset, path: str | Path) -> tuple[np.ndarray, np.ndarray]:
    """The votes for each image of `dataset`, matched by row for a CSV, else by file name.

    Two file names in FER2013's train split stand for two images each. Such an image gets the row with more votes for
    its own class, and no votes if both rows have equally many.

    Args:
        dataset: Images named `row N` or by their files.
        path: A file that `read_ferplus` reads.

    Returns:
        Votes, float32 `[n, 10]` in the order of `FERPLUS_CLASSES`, zero for images without votes; and bool `[n]`,
        whether the image has votes.

    Raises:
        UsageError: No image of the set is in the file, or the rows are those of another file.
    """
    table = read_ferplus(path)
    by_row: dict[str, list[int]] = defaultdict(list)
    by_name: dict[str, list[int]] = defaultdict(list)
    for index, (row, name) in enumerate(zip(table.rows.tolist(), table.names, strict=True)):
        by_row[f"row {row}"].append(index)
        by_name[name].append(index)
    votes = np.zeros((len(dataset), len(FERPLUS_CLASSES)), np.float32)
    matched = np.zeros(len(dataset), bool)
    for position, name in enumerate(dataset.names.tolist()):
        if name.startswith("row "):
            rows = by_row.get(name, [])
            if rows and table.splits[rows[0]] not in ("", dataset.splits[position]):
                raise UsageError(
                    f"{name} is {dataset.splits[position]} in {dataset.source} but {table.splits[rows[0]]} in {path}: "
                    "one of them is not in the official order, so the votes cannot be joined"
                )
        else:
            rows = by_name.get(PurePosixPath(name).stem, [])
        if len(rows) > 1:
            agreement = table.votes[rows, FERPLUS_COLUMNS[int(dataset.labels[position])]]
            rows = [rows[int(agreement.argmax())]] if (agreement == agreement.max()).sum() == 1 else []
        if rows:
            votes[position] = table.votes[rows[0]]
            matched[position] = True
    if not matched.any():
        raise UsageError(
            f"none of the images in {dataset.source} is in {path}: fer2013new.csv joins fer2013.csv by row, "
            "folders join a ferplus.csv that has their file names"
        )
    return votes, matched


def load_labelled(
    data: str | os.PathLike[str] | None,
    labels: tuple[str, ...],
    ferplus: str | os.PathLike[str] | None = None,
    crop: Crop = "auto",
) -> Dataset:
    """Load images labelled with the classes that a model predicts, to evaluate it.

    Args:
        data: Path of the data set, as `load_dataset` takes it.
        labels: The model's classes. For FER+'s eight expressions, FER2013's images get the annotators' majority as
            label (`majority_labels`); any other classes must be those of the data.
        ferplus: A FER+ file; `None` takes the bundled votes.
        crop: Which images are searched for faces, as `load_dataset` takes it.

    Raises:
        UsageError: The data has no images of a class, or `load_dataset` or `majority_labels` raised it.
        FerZooError: No image in it can be read.
    """
    if labels in (EXPRESSIONS, FERPLUS_EXPRESSIONS):
        dataset = load_dataset(data, crop=crop)
        if dataset.expressions in (labels, EXPRESSIONS):
            return relabelled(dataset, labels, ferplus)
    return load_dataset(data, classes=labels, crop=crop)


def relabelled(dataset: Dataset, labels: tuple[str, ...], ferplus: str | os.PathLike[str] | None = None) -> Dataset:
    """Label loaded images with a model's classes: unchanged, or with FER+'s majority for images of FER2013.

    Raises:
        UsageError: The model has other classes, or `majority_labels` raised it.
    """
    if dataset.expressions == labels:
        return dataset
    if (dataset.expressions, labels) == (EXPRESSIONS, FERPLUS_EXPRESSIONS):
        return majority_labels(dataset, ferplus)
    raise UsageError(f"the data has the classes {', '.join(dataset.expressions)}, and the model {', '.join(labels)}")


def majority_labels(dataset: Dataset, path: str | os.PathLike[str] | None = None, ambiguous: bool = False) -> Dataset:
    """The images of `dataset` on whose expression most FER+ annotators agree, with that as their label.

    The majority protocol of the paper's own code: a class with a single vote counts as none, the rest must give more
    than half of its votes to one class, and images that are then of an unknown expression or no face are left out. In
    the full FER2013 25,060 train, 3,199 PublicTest and 3,153 PrivateTest images remain.

    Args:
        dataset: Images with FER2013's labels.
        path: A FER+ file; `None` takes the bundled votes, those for all test images and a tenth of train.
        ambiguous: Also include training images without a majority, if most of their votes are for the eight
            expressions; their label is the first expression with the most votes.

    Returns:
        A data set whose labels are indices into `FERPLUS_EXPRESSIONS`.

    Raises:
        UsageError: There is no such file, it has none of the images, or there is no majority for any image.
    """
    path = Path(path or BUNDLED_VOTES)
    if path == BUNDLED_VOTES and not BUNDLED_VOTES.is_file():
        raise UsageError("FER+'s eight expressions need its votes, which come with a checkout; pass --ferplus")
    votes, _ = join_ferplus(dataset, path)
    votes = np.where(votes > 1, votes, 0)
    of_eight, half = votes[:, _EIGHT_COLUMNS], votes.sum(1) / 2
    agreed = of_eight.max(1) > half
    if not agreed.any():
        raise UsageError(f"the annotators in {path} agree on none of the images in {dataset.source}")
    if ambiguous:
        agreed |= (dataset.splits == "train") & (of_eight.sum(1) > half)
    selected = dataset.take(np.flatnonzero(agreed))
    labels = of_eight[agreed].argmax(1)
    return replace(selected, labels=labels, source=f"{dataset.source}, FER+ majority", expressions=FERPLUS_EXPRESSIONS)
