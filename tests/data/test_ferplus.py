from __future__ import annotations

import csv
from pathlib import Path, PurePosixPath

import numpy as np
import pytest
from make_fer2013 import write_csv, write_folder

from fer_zoo.contract import EXPRESSIONS
from fer_zoo.data import join_ferplus, load_dataset, majority_labels
from fer_zoo.data.ferplus import FERPLUS_CLASSES, FERPLUS_COLUMNS, read_ferplus
from fer_zoo.errors import FerZooError, UsageError

ORIGINAL = ["Usage", "Image name", *FERPLUS_CLASSES]
JOINED = ["row", "image", *FERPLUS_CLASSES, "restored"]


def write(path: Path, *rows: list) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def votes_for(number: int) -> list[int]:
    """Ten votes that differ from image to image."""
    votes = [0] * 10
    votes[number % 10] += 7
    votes[number // 10] += 3
    return votes


@pytest.fixture
def joined(files, tmp_path) -> Path:
    """Rows in another order than the images."""
    rows = [[n, PurePosixPath(name).stem, *votes_for(n), 0] for n, name in enumerate(files)]
    return write(tmp_path / "ferplus.csv", JOINED, *rows[::-1])


@pytest.fixture
def original(files, tmp_path) -> Path:
    rows = [[PurePosixPath(name).stem.split("_")[0], f"fer{n:07}.png", *votes_for(n)] for n, name in enumerate(files)]
    rows[3][1] = ""
    return write(tmp_path / "fer2013new.csv", ORIGINAL, *rows)


@pytest.fixture
def expected(files) -> np.ndarray:
    return np.array([votes_for(n) for n in range(len(files))], np.float32)


def test_join_by_file_name(files, joined, expected, tmp_path):
    votes, matched = join_ferplus(load_dataset(write_folder(tmp_path / "fer", files)), joined)
    assert (votes.dtype, matched.dtype) == (np.float32, bool)
    np.testing.assert_array_equal(votes, expected)
    assert matched.all()


@pytest.mark.parametrize("table", ["joined", "original"])
def test_join_by_row(table, files, expected, tmp_path, request):
    data = load_dataset(write_csv(tmp_path / "fer2013.csv", files))
    votes, matched = join_ferplus(data, request.getfixturevalue(table))
    np.testing.assert_array_equal(votes, expected)
    assert matched.all()


def test_images_without_votes_are_not_matched(files, joined, tmp_path):
    names = list(files)
    extra = files | {"train/angry/Training_unknown.png": files[names[0]]}
    data = load_dataset(write_folder(tmp_path / "fer", extra))
    votes, matched = join_ferplus(data, joined)
    assert data.names[~matched].tolist() == ["train/angry/Training_unknown.png"]
    assert not votes[~matched].any()


def test_one_name_for_two_images_is_decided_by_the_class(files, tmp_path):
    image = next(iter(files.values()))
    data = load_dataset(
        write_folder(tmp_path / "fer", {f"train/{name}/Training_1.png": image for name in ("angry", "sad", "happy")})
    )
    rows = [[0, "Training_1", 0, 0, 0, 1, 6, 0, 0, 0, 3, 0, 0], [1, "Training_1", 0, 0, 0, 8, 2, 0, 0, 0, 0, 0, 0]]
    votes, matched = join_ferplus(data, write(tmp_path / "ferplus.csv", JOINED, *rows))
    assert dict(zip((EXPRESSIONS[label] for label in data.labels), matched.tolist(), strict=True)) == {
        "angry": True,
        "happy": False,
        "sad": True,
    }
    assert votes[:, FERPLUS_CLASSES.index("anger")].tolist() == [6, 0, 2]


def test_rows_in_another_order_are_refused(files, original, tmp_path):
    backwards = load_dataset(write_csv(tmp_path / "fer2013.csv", dict(reversed(files.items()))))
    with pytest.raises(UsageError, match=r"row 0 is private_test .* but train .* not in the official order"):
        join_ferplus(backwards, original)


def test_a_folder_does_not_join_the_original_file(files, original, tmp_path):
    with pytest.raises(UsageError, match=r"none of the images .* fer2013new.csv joins fer2013.csv by row"):
        join_ferplus(load_dataset(write_folder(tmp_path / "fer", files)), original)


def test_columns_of_the_seven_expressions():
    assert [FERPLUS_CLASSES[column] for column in FERPLUS_COLUMNS] == [
        "anger",
        "disgust",
        "fear",
        "happiness",
        "neutral",
        "sadness",
        "surprise",
    ]


def test_bad_files(tmp_path):
    with pytest.raises(UsageError, match="does not exist"):
        read_ferplus(tmp_path / "nowhere.csv")
    with pytest.raises(UsageError, match=r"not a FER\+ file: it lacks the columns neutral, happiness"):
        read_ferplus(write(tmp_path / "a.csv", ["emotion", "pixels", "Usage"]))
    with pytest.raises(FerZooError, match="has no rows"):
        read_ferplus(write(tmp_path / "b.csv", JOINED))
    with pytest.raises(FerZooError, match=r"line 3 of .* is damaged"):
        read_ferplus(write(tmp_path / "c.csv", JOINED, [0, "a", *[1] * 10, 0], [1, "b", "many", *[1] * 9, 0]))
    with pytest.raises(FerZooError, match=r"line 2 of .* is damaged"):
        read_ferplus(write(tmp_path / "d.csv", JOINED, [0, "a", 1]))


def test_all_test_images_of_fer2013_have_votes(shared):
    data = load_dataset().subset("test")
    votes, matched = join_ferplus(data, shared / "fer2013/ferplus.csv")
    assert matched.all()
    assert set(votes.sum(axis=1).tolist()) <= {9.0, 10.0}
    agreement = (votes.argmax(axis=1) == np.array(FERPLUS_COLUMNS)[data.labels]).mean()
    assert 0.6 < agreement < 0.66


def test_majority_counts_no_single_votes_and_leaves_undecided_images_out(files, tmp_path):
    """Columns: neutral, happiness, surprise, sadness, anger, disgust, fear, contempt, unknown, NF."""
    cases = [
        ([5, 0, 0, 1, 1, 1, 1, 1, 0, 0], "neutral"),  # Half of ten, but all of what counts.
        ([5, 5, 0, 0, 0, 0, 0, 0, 0, 0], None),
        ([2, 0, 0, 0, 0, 0, 0, 8, 0, 0], "contempt"),
        ([0, 0, 0, 0, 0, 3, 0, 0, 7, 0], None),
        ([0, 0, 0, 0, 0, 0, 0, 0, 0, 10], None),
        ([0, 0, 0, 0, 0, 6, 4, 0, 0, 0], "disgust"),
        ([1, 1, 1, 1, 1, 1, 1, 1, 1, 1], None),
    ]
    rows = [
        [n, PurePosixPath(name).stem, *votes, 0] for n, (name, (votes, _)) in enumerate(zip(files, cases, strict=False))
    ]
    dataset = load_dataset(write_folder(tmp_path / "fer", files))
    found = majority_labels(dataset, write(tmp_path / "ferplus.csv", JOINED, *rows))
    assert found.expressions == (*EXPRESSIONS, "contempt")
    words = {
        PurePosixPath(name).stem: found.expressions[label]
        for name, label in zip(found.names, found.labels, strict=True)
    }
    expected = {PurePosixPath(name).stem: word for name, (_, word) in zip(files, cases, strict=False) if word}
    assert words == expected
    ambiguous = majority_labels(dataset, tmp_path / "ferplus.csv", ambiguous=True)
    assert {"happy"} == {
        ambiguous.expressions[label]
        for name, label in zip(ambiguous.names, ambiguous.labels, strict=True)
        if PurePosixPath(name).stem not in words
    }
    with pytest.raises(UsageError, match="agree on none"):
        majority_labels(dataset, write(tmp_path / "none.csv", JOINED, [0, rows[1][1], 5, 5, *[0] * 8, 0]))


def test_the_majority_protocol_has_as_many_images_as_published(full_set, shared):
    full = majority_labels(load_dataset(full_set), shared / "fer2013" / "ferplus.csv")
    assert [len(full.subset(split)) for split in ("train", "public_test", "private_test")] == [25060, 3199, 3153]
    bundled = majority_labels(load_dataset())
    np.testing.assert_array_equal(bundled.subset("test").labels, full.subset("test").labels)


@pytest.mark.parametrize(
    ("vote", "words"),
    [
        ("nan", "nan is no number of votes"),
        ("inf", "inf is no number of votes"),
        ("-5", "-5 is no number of votes"),
        ("53607", "53607 is no number of votes: each image had 10 annotators"),
        ("2.5", "2.5 is no number of votes"),
        ("8", "15 votes for an image that had 10 annotators"),
    ],
)
def test_impossible_votes_are_refused_with_their_line(vote, words, tmp_path):
    rows = [[0, "a", *votes_for(0), 0], [1, "b", 7, vote, *[0] * 8, 0]]
    with pytest.raises(FerZooError, match=rf"line 3 of .*votes\.csv is damaged \({words}"):
        read_ferplus(write(tmp_path / "votes.csv", JOINED, *rows))
