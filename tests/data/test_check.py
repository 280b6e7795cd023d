from __future__ import annotations

import hashlib
import io
import json

import numpy as np
import pytest
from make_fer2013 import write_csv, write_folder
from PIL import Image

from fer_zoo.contract import FER2013_COUNTS
from fer_zoo.data.check import check, print_check
from fer_zoo.data.readers import ZipSource
from fer_zoo.errors import UsageError


def test_official_numbers_add_up():
    assert {split: sum(counts) for split, counts in FER2013_COUNTS.items()} == {
        "train": 28709,
        "public_test": 3589,
        "private_test": 3589,
        "test": 7178,
    }
    parts = zip(FER2013_COUNTS["public_test"], FER2013_COUNTS["private_test"], strict=True)
    assert FER2013_COUNTS["test"] == tuple(public + private for public, private in parts)


@pytest.mark.slow
def test_the_full_set(full_set, monkeypatch):
    read = ZipSource.read
    hashes = []

    def hashed(source):
        decoded = read(source)
        hashes.append(hashlib.sha256(decoded.images.tobytes()).hexdigest())
        return decoded

    monkeypatch.setattr(ZipSource, "read", hashed)
    result = check(full_set)
    assert result.complete
    # Whatever becomes of other pictures, these are read as ever.
    assert hashes == ["7fb284e4a6def6924f13f43acbefd783a12e53cf5f71f025febd31e8ac0bfe09"]
    assert {split: tuple(counts.values()) for split, counts in result.counts.items()} == FER2013_COUNTS
    assert {name: number for name, _, number in result.figures()} == {
        "unreadable": 0,
        "resized": 0,
        "recoloured": 0,
        "outside": 0,
        "no_images": 0,
        "broken_links": 0,
        "duplicates": 0,
        "blank": 12,
        "copies": 1851,
        "test_in_train": 568,
        "known_train_copies": 568,
        "different_labels": 57,
    }


def test_faults_are_found(files, tmp_path):
    names = list(files)
    train, public = names[0], names[14]
    blank = io.BytesIO()
    Image.new("L", (48, 48), 7).save(blank, "PNG")
    large = io.BytesIO()
    Image.new("RGB", (64, 64), "red").save(large, "PNG")
    spoilt = files | {
        "train/sad/Training_again.png": files[train],
        public: files[train],
        names[3]: b"",
        "test/happy/PublicTest_blank.png": blank.getvalue(),
        "test/happy/PublicTest_large.png": large.getvalue(),
        "notes/a.png": b"",
    }
    result = check(write_folder(tmp_path / "fer", spoilt), tmp_path / "report")
    assert not result.complete
    assert result.unreadable == {names[3]: "is empty"}
    assert result.resized == result.recoloured == ["test/happy/PublicTest_large.png"]
    assert result.outside == ["notes/a.png"]
    assert result.blank == ["test/happy/PublicTest_blank.png", "test/happy/PublicTest_large.png"]
    assert result.copies == 2
    assert result.test_in_train == [public]
    assert result.different_labels == [[train, "train/sad/Training_again.png", public]]
    assert result.counts["train"]["sad"] == 3
    written = json.loads((tmp_path / "report/check.json").read_text())
    assert written["figures"]["copies"] == 2
    assert written["counts"]["test"]["all"] == 30
    assert written["official_counts"]["train"]["happy"] == 7215
    picture = np.asarray(Image.open(tmp_path / "report/check.png").convert("L"))
    assert picture.shape[1] > 1500
    assert picture[:, : picture.shape[1] // 2].std() > 20
    assert picture[:, picture.shape[1] // 2 :].std() > 20


def test_without_matplotlib_the_rest_is_written(files, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    check(write_csv(tmp_path / "fer2013.csv", files), tmp_path / "report")
    assert "matplotlib is not installed" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "report").iterdir()] == ["check.json"]


def test_missing_path(tmp_path):
    with pytest.raises(UsageError, match="does not exist"):
        check(tmp_path / "nowhere", tmp_path / "report")
    assert not (tmp_path / "report").exists()


def test_classes_of_ones_own_have_no_official_numbers(files, tmp_path, capsys):
    mine = {name.replace("/happy/", "/[smile]/").replace("/sad/", "/other/"): data for name, data in files.items()}
    mine = {name: data for name, data in mine.items() if "/[smile]/" in name or "/other/" in name}
    result = check(write_folder(tmp_path / "faces", mine), tmp_path / "report")
    assert result.counts["train"] == {"[smile]": 2, "other": 2}
    assert "official_counts" not in json.loads((tmp_path / "report/check.json").read_text())
    print_check(result)
    printed = capsys.readouterr().out
    assert "official" not in printed
    assert "[smile]" in printed
