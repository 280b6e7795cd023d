from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from make_fer2013 import write_csv, write_folder, write_zip

import fer_zoo.data.dataset as dataset_module
from fer_zoo.data import Dataset, load_dataset
from fer_zoo.errors import UsageError
from fer_zoo.files import cache_dir


@pytest.fixture(autouse=True)
def empty_cache(tmp_path, monkeypatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("FER_ZOO_CACHE", str(folder))
    return folder


@pytest.fixture
def no_decoding(monkeypatch):
    """From the call on, every attempt to decode fails."""

    def refuse(*_, **__):
        raise AssertionError("decoded although it is cached")

    def forbid() -> None:
        monkeypatch.setattr("fer_zoo.data.readers.LargestFace.of", refuse)
        monkeypatch.setattr("fer_zoo.data.readers._read_row", refuse)

    return forbid


def assert_same(one: Dataset, other: Dataset) -> None:
    for name in ("images", "labels", "splits", "names"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert (one.fingerprint, one.notes) == (other.fingerprint, other.notes)


FORMS = [
    lambda path, files: write_folder(path / "fer", files),
    lambda path, files: write_zip(path / "fer.zip", files),
    lambda path, files: write_csv(path / "fer2013.csv", files),
]


@pytest.mark.parametrize("write", FORMS, ids=["folder", "zip", "csv"])
def test_the_second_start_decodes_nothing(write, files, tmp_path, no_decoding):
    path = write(tmp_path, files)
    first = load_dataset(path)
    no_decoding()
    second = load_dataset(path)
    assert_same(first, second)
    assert isinstance(second.images, np.memmap)


def test_notes_come_from_the_cache_too(files, tmp_path, no_decoding):
    path = write_zip(tmp_path / "fer.zip", files | {"train/angry/Training_0.png": b""})
    first = load_dataset(path)
    no_decoding()
    assert load_dataset(path).notes == first.notes
    assert "Training_0.png (is empty)" in first.notes[0]


def test_arrays_are_read_only_and_as_documented(files, tmp_path):
    data = load_dataset(write_folder(tmp_path / "fer", files))
    assert (data.images.shape, data.images.dtype) == ((42, 48, 48), np.uint8)
    assert (data.labels.shape, data.labels.dtype) == ((42,), np.int64)
    assert data.names.tolist() == list(files)
    assert data.source == str(tmp_path / "fer")
    for array in (data.images, data.labels, data.splits, data.names):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = array[1]


@pytest.mark.parametrize("change", ["edited", "added", "removed"])
def test_a_changed_folder_is_decoded_again(change, files, tmp_path):
    folder = write_folder(tmp_path / "fer", files)
    first = load_dataset(folder)
    name, other = next(iter(files)), next(reversed(files))
    if change == "edited":
        (folder / name).write_bytes(files[other])
    elif change == "added":
        (folder / "train/angry/Training_new.png").write_bytes(files[name])
    else:
        (folder / name).unlink()
    second = load_dataset(folder)
    assert second.fingerprint != first.fingerprint
    assert len(second) == {"edited": 42, "added": 43, "removed": 41}[change]
    if change == "edited":
        np.testing.assert_array_equal(second.images[0], first.images[-1])


def test_a_moved_zip_keeps_its_cache(files, tmp_path, no_decoding):
    path = write_zip(tmp_path / "fer.zip", files)
    first = load_dataset(path)
    path.rename(tmp_path / "renamed.zip")
    no_decoding()
    assert_same(first, load_dataset(tmp_path / "renamed.zip"))


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("name", ["images.npy", "labels.npy", "names.npy", "splits.npy", "meta.json"])
@pytest.mark.parametrize("damage", [Path.unlink, truncate, flip, lambda path: path.write_bytes(b"")])
def test_a_damaged_cache_is_rebuilt(name, damage, files, tmp_path, empty_cache, no_decoding):
    path = write_zip(tmp_path / "fer.zip", files)
    first = load_dataset(path)
    wanted = {field: np.array(getattr(first, field)) for field in ("images", "labels", "splits", "names")}
    damage(empty_cache / f"{first.fingerprint}-auto" / name)
    rebuilt = load_dataset(path)
    no_decoding()
    for data in (rebuilt, load_dataset(path)):
        for field, array in wanted.items():
            np.testing.assert_array_equal(getattr(data, field), array)
    assert [entry.name for entry in empty_cache.iterdir()] == [f"{first.fingerprint}-auto"]


def test_a_cache_that_cannot_be_written_is_a_note(files, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("FER_ZOO_CACHE", str(tmp_path / "file" / "cache"))
    data = load_dataset(write_folder(tmp_path / "fer", files))
    assert data.names.tolist() == list(files)
    assert not data.images.flags.writeable
    assert "cannot write the cache" in data.notes[-1]
    assert "FER_ZOO_CACHE" in data.notes[-1]


def test_a_full_disk_leaves_nothing_half_written(files, tmp_path, monkeypatch, empty_cache):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(dataset_module.np, "save", full)
    data = load_dataset(write_folder(tmp_path / "fer", files))
    assert len(data) == len(files)
    assert "No space left on device" in data.notes[-1]
    assert list(empty_cache.iterdir()) == []


def test_two_processes_at_once_give_one_cache(files, tmp_path, empty_cache):
    path = write_zip(tmp_path / "fer.zip", files)
    code = "import sys; from fer_zoo.data import load_dataset; d = load_dataset(sys.argv[1]); print(len(d), d.notes)"
    root = Path(dataset_module.__file__).parents[2]
    environment = os.environ | {"PYTHONPATH": str(root)}
    started = [
        subprocess.Popen([sys.executable, "-c", code, str(path)], env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    assert [process.communicate()[0].strip() for process in started] == ["42 ()"] * 3
    assert len(list(empty_cache.iterdir())) == 1


def test_subsets(files, tmp_path):
    data = load_dataset(write_folder(tmp_path / "fer", files))
    names = np.array(list(files))
    assert data.subset("train").names.tolist() == names[:14].tolist()
    assert data.subset("public_test").names.tolist() == names[14:28].tolist()
    assert data.subset("private_test").names.tolist() == names[28:].tolist()
    test = data.subset("test")
    assert test.names.tolist() == names[14:].tolist()
    assert isinstance(test.images, np.memmap)
    assert test.subset("private_test").labels.tolist() == [label for label in range(7) for _ in range(2)]
    assert test.has("public_test")
    assert not test.has("train")
    with pytest.raises(UsageError, match="no train images"):
        test.subset("train")
    with pytest.raises(UsageError, match="unknown split 'validation'"):
        data.subset("validation")


def test_subset_of_mixed_rows(files, tmp_path):
    mixed = {name: files[name] for name in sorted(files, key=lambda name: name[::-1])}
    data = load_dataset(write_csv(tmp_path / "fer2013.csv", mixed))
    chosen = data.subset("public_test")
    assert len(chosen) == 14
    rows = [int(name.split()[1]) for name in chosen.names]
    np.testing.assert_array_equal(chosen.images, data.images[rows])


def test_the_bundled_sample_is_the_default():
    data = load_dataset()
    assert data.source == "data/fer2013_sample.zip"
    assert data.notes == ()
    counts = [np.bincount(data.subset(split).labels).tolist() for split in ("train", "test")]
    assert counts == [[399, 44, 410, 722, 496, 483, 317], [958, 111, 1024, 1774, 1233, 1247, 831]]
    assert (len(data.subset("public_test")), len(data.subset("private_test"))) == (3589, 3589)


def test_an_installed_package_without_the_sample_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setattr(dataset_module, "BUNDLED", tmp_path / "gone.zip")
    with pytest.raises(UsageError, match=r"pass --data .*`fer-zoo data download"):
        load_dataset()


def test_cache_in_the_home_folder_by_default(monkeypatch):
    monkeypatch.delenv("FER_ZOO_CACHE")
    assert cache_dir() == Path.home() / ".cache" / "fer_zoo"


def test_deleting_the_cache_is_safe_while_it_is_in_use(files, tmp_path, empty_cache):
    data = load_dataset(write_folder(tmp_path / "fer", files))
    before = data.images[3].copy()
    shutil.rmtree(empty_cache)
    np.testing.assert_array_equal(data.images[3], before)


def test_importing_is_light():
    code = (
        "import sys, fer_zoo.data; "
        "print([m for m in ('keras', 'tensorflow', 'cv2', 'matplotlib', 'sklearn') if m in sys.modules])"
    )
    root = Path(dataset_module.__file__).parents[2]
    found = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
