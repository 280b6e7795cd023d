"""Faces cut out of the photos of a data set, as prediction cuts them."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from make_fer2013 import write_folder
from PIL import Image

from fer_zoo.cli.data import main
from fer_zoo.data import load_dataset
from fer_zoo.data.crop_folders import crop_photos
from fer_zoo.errors import FerZooError, UsageError
from fer_zoo.faces import FaceDetector, crop_face, read_photo
from fer_zoo.faces.search import search_photo


@pytest.fixture
def photos(files, happy_photo: Path, tmp_path: Path) -> Path:
    """A photo of one face, one of the same face twice, one without, and an image of 48x48 pixels."""
    one = Image.open(happy_photo)
    two = Image.new("RGB", (960, 480))
    two.paste(one)
    two.paste(one.resize((300, 300)), (500, 100))
    content = {}
    for name, picture in (("one", one), ("two", two), ("none", Image.new("RGB", (200, 200), "gray"))):
        file = io.BytesIO()
        picture.save(file, "PNG")
        content[f"train/smile/{name}.png"] = file.getvalue()
    small = next(iter(files.values()))
    return write_folder(tmp_path / "photos", content | {"train/other/small.png": small, "test/other/a.png": small})


def test_the_largest_face_of_each_photo_is_cut_out_as_prediction_does(photos: Path) -> None:
    dataset = load_dataset(photos, crop="auto")
    images = dict(zip(dataset.names.tolist(), dataset.images, strict=True))
    for name, count in (("train/smile/one.png", 1), ("train/smile/two.png", 2)):
        photo = read_photo(photos / name)
        faces = FaceDetector().detect(photo)
        assert len(faces) == count
        largest = max(faces, key=lambda face: face.box[2])
        np.testing.assert_array_equal(images[name], crop_face(photo, largest))
    assert len(images) == 5
    assert dataset.notes[1:4] == (
        "2 faces cut out of larger images",
        "1 image with several faces, the largest was taken: train/smile/two.png",
        "1 image in which no face was found, taken as faces: train/smile/none.png",
    )


def test_a_large_jpeg_is_cropped_as_prediction_crops_it(happy_photo: Path, files, tmp_path: Path) -> None:
    folder = write_folder(tmp_path, {f"train/{name}/b.png": next(iter(files.values())) for name in ("smile", "other")})
    Image.open(happy_photo).resize((3000, 3000)).save(folder / "train/smile/a.jpg", quality=90)
    dataset = load_dataset(folder)
    found = search_photo(folder / "train/smile/a.jpg", FaceDetector())
    np.testing.assert_array_equal(dataset.images[dataset.names == "train/smile/a.jpg"], found.crops)


def test_whether_faces_are_cut_out_is_part_of_the_cache_key(photos: Path) -> None:
    cut, whole, strict = (load_dataset(photos, crop=crop) for crop in ("auto", "never", "always"))
    assert cut.fingerprint == whole.fingerprint
    assert not np.array_equal(cut.images, whole.images)
    assert "train/smile/none.png" not in strict.names
    assert any("in which no face was found, left out" in note for note in strict.notes)
    np.testing.assert_array_equal(load_dataset(photos, crop="auto").images, cut.images)


def test_photos_without_any_face(tmp_path: Path) -> None:
    file = io.BytesIO()
    Image.new("L", (90, 90)).save(file, "PNG")
    folder = write_folder(tmp_path, {f"train/{name}/a.png": file.getvalue() for name in ("smile", "other")})
    with pytest.raises(FerZooError, match="no face was found in any of the 2 readable images"):
        load_dataset(folder, crop="always")


def test_photos_are_cropped_once_and_the_same_faces_are_loaded(photos: Path, tmp_path: Path, capsys) -> None:
    (photos / "train/smile/broken.jpg").write_bytes(b"\xff\xd8")
    (photos / "train/smile/one.jpg").write_bytes((photos / "train/smile/one.png").read_bytes())
    output = tmp_path / "faces"
    assert main(["crop", str(photos), str(output)]) == 1
    printed = capsys.readouterr().out
    for line in (
        "5 faces written",
        "2 images of at most 64 pixels taken as faces",
        "1 photo with several faces, the largest was taken: train/smile/two.png",
        "1 photo in which no face was found, left out: train/smile/none.png",
        "1 photo that cannot be read, left out: train/smile/broken.jpg (",
        f"Written to {output}: pass that folder as --data",
    ):
        assert line in printed
    cropped, whole = load_dataset(output), load_dataset(photos)
    assert cropped.names.tolist() == [
        *("train/other/small.png", "train/smile/one.png"),
        *("train/smile/one.png.png", "train/smile/two.png", "test/other/a.png"),
    ]
    found = dict(zip(whole.names.tolist(), whole.images, strict=True))
    for name in ("train/smile/two.png", "train/other/small.png"):
        np.testing.assert_array_equal(cropped.images[cropped.names == name][0], found[name])
    assert cropped.notes == ("classes: other, smile", *cropped.notes[1:])
    assert not list(tmp_path.glob(".writing*"))


def test_what_cannot_be_cropped_leaves_nothing(photos: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    for given, output, words in (
        (empty, tmp_path / "out", "has no images"),
        (tmp_path / "gone", tmp_path / "out", "is no folder"),
        (photos, photos, "is not an empty folder"),
    ):
        with pytest.raises(UsageError, match=words):
            crop_photos(given, output)
    (photos / "train/smile/none.png").rename(empty / "none.png")
    with pytest.raises(FerZooError, match=r"no face was found in .*1 photo in which no face was found"):
        crop_photos(empty, tmp_path / "out")
    assert not (tmp_path / "out").exists()
