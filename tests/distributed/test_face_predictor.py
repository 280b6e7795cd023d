"""`FacePredictor`: batches of photos to rows of faces, in whatever process it is."""

from __future__ import annotations

import csv
import doctest
import io
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fer_zoo.cli.predict import main
from fer_zoo.distributed import FacePredictor
from fer_zoo.distributed.addresses import find_photos
from fer_zoo.errors import FerZooError, UsageError
from fer_zoo.faces import read_photo

MODEL = "fernet_tiny:onnx:int8"


@pytest.fixture(scope="module")
def predict() -> FacePredictor:
    return FacePredictor(MODEL)


@pytest.fixture(scope="module")
def folder(happy_photo: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two faces in a photo, none in another, a picture that is a face, and a file that is no image."""
    folder = tmp_path_factory.mktemp("photos")
    photo = Image.open(happy_photo)
    couple = Image.new("RGB", (960, 480))
    couple.paste(photo, (0, 0))
    couple.paste(photo, (480, 0))
    couple.save(folder / "couple.png")
    Image.new("RGB", (300, 200), "green").save(folder / "meadow.png")
    photo.crop((120, 120, 360, 360)).resize((48, 48)).save(folder / "small.png")
    (folder / "text.jpg").write_text("no image")
    (folder / ".hidden.png").write_text("no image")
    return folder


def test_rows_are_those_of_the_command(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = [str(folder / name) for name in ("couple.png", "meadow.png", "small.png", "text.jpg")]
    assert main([*names, "--model", MODEL, "--format", "csv", "--empty"]) == 1
    captured = capsys.readouterr()
    expected = list(csv.DictReader(io.StringIO(captured.out)))
    found = FacePredictor(MODEL, column="file", empty=True)({"file": np.array(names)})
    assert (
        found.pop("error")[-1]
        == f"{names[-1]} is not an image in a format that is read here: " + (captured.err.strip().rpartition(": ")[2])
    )
    assert list(found) == list(expected[0])
    rows = [dict(zip(found, values, strict=True)) for values in zip(*found.values(), strict=True)]
    assert [row["file"] for row in rows] == [names[0], names[0], *names[1:]]
    assert [row["face"] for row in rows] == [1, 2, 0, 1, 0]
    for row, told in zip([rows[0], rows[1], rows[3]], [expected[0], expected[1], expected[3]], strict=True):
        for name, value in told.items():
            if name.startswith(("file", "label")):
                assert row[name] == value
            else:
                assert row[name] == pytest.approx(float(value or "nan"), abs=1e-6, rel=1e-6, nan_ok=True)
    for row in (rows[2], rows[4]):
        assert np.isnan([row[name] for name in ("x", "height", "score", "probability_1")]).all()
        assert [row["label_1"], row["label_3"]] == ["", ""]


def test_contents_paths_and_arrays_give_the_same_faces(predict: FacePredictor, folder: Path) -> None:
    file = folder / "couple.png"
    answers = [
        predict({"bytes": np.array([file.read_bytes()], object), "id": np.array([7])}),
        FacePredictor(MODEL, column="bytes")({"bytes": np.array([str(file)]), "id": np.array([7])}),
        FacePredictor(MODEL, column="image")({"image": read_photo(file)[None], "id": np.array([7])}),
    ]
    assert answers[1].pop("bytes").tolist() == [str(file)] * 2
    for answer in answers:
        assert list(answer)[:2] == ["id", "face"]
        assert answer["id"].tolist() == [7, 7]
        for name, column in answers[0].items():
            np.testing.assert_array_equal(answer[name], column)


def test_types_do_not_depend_on_what_is_found(predict: FacePredictor, folder: Path) -> None:
    photos = [(folder / "couple.png").read_bytes(), b"", None, float("nan")]
    all_alike, none = (predict({"bytes": np.array(some, object)}) for some in (photos, []))
    assert all_alike["error"].tolist() == ["", "", *["the image is empty"] * 3]
    for name, kind in {"face": "i", "x": "f", "label_3": "U", "probability_3": "f", "error": "U"}.items():
        assert (all_alike[name].dtype.kind, none[name].dtype.kind, none[name].shape) == (kind, kind, (0,))
    assert list(none) == list(all_alike)


def test_a_photo_without_faces_has_a_row_where_asked_for(predict: FacePredictor, folder: Path) -> None:
    batch = {"bytes": np.array([(folder / "meadow.png").read_bytes()], object)}
    assert len(predict(batch)["face"]) == 0
    row = FacePredictor(MODEL, empty=True)(batch)
    assert (row["face"].tolist(), row["error"].tolist()) == ([0], [""])


def test_it_is_sent_small_and_opens_the_model_where_it_is_used(predict: FacePredictor, folder: Path) -> None:
    batch = {"bytes": np.array([(folder / "small.png").read_bytes()], object)}
    answer = predict(batch)
    sent = pickle.dumps(predict)
    assert len(sent) < 1000
    there = pickle.loads(sent)
    assert there == predict
    np.testing.assert_equal(there(batch), answer)


def test_options_are_those_of_the_command(folder: Path) -> None:
    predict = FacePredictor(MODEL, column="p", top_k=9, language="id", crop=True, prior={"happy": 1.0}, jobs=2)
    row = predict({"p": np.array([str(folder / "couple.png")])})
    assert row["label_1"].tolist() == ["Senang"]
    assert row["probability_1"].tolist() == [1.0]
    assert np.isnan(row["x"]).all()
    assert [name for name in row if name.startswith("label")][-1] == "label_7"


@pytest.mark.parametrize(
    ("batch", "words"),
    [
        ({"photo": np.array(["a.jpg"])}, "no column 'bytes'; it has photo"),
        ({"bytes": np.array(["a.jpg"]), "x": np.array([1])}, "the column 'x' of the batch has the name of a result"),
        ({"bytes": np.array([3])}, "must be bytes, a path, an address or an array"),
        ({"bytes": np.zeros((1, 4, 4, 3), np.float32)}, "uint8"),
    ],
)
def test_what_is_no_batch_is_told(predict: FacePredictor, batch: dict[str, np.ndarray], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        predict(batch)


def test_arguments_are_checked_before_they_are_sent() -> None:
    with pytest.raises(UsageError, match="prior cannot be estimated"):
        FacePredictor(prior="estimate")
    with pytest.raises(UsageError, match="jobs must be at least 1, not 0"):
        FacePredictor(jobs=0)


def test_photos_at_addresses(folder: Path, happy_photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fsspec = pytest.importorskip("fsspec")
    files = fsspec.filesystem("memory")
    for name in ("b/2.jpg", "a/1.JPG", "a/.3.jpg"):
        files.pipe(f"/bucket/{name}", happy_photo.read_bytes())
    files.pipe("/bucket/notes.txt", b"no image")
    addresses = find_photos("memory://bucket")
    assert addresses == ["memory:///bucket/a/1.JPG", "memory:///bucket/b/2.jpg"]
    assert find_photos("memory://bucket/notes.txt") == ["memory://bucket/notes.txt"]
    found = FacePredictor(MODEL, column="file")({"file": np.array([*addresses, "memory://bucket/no.jpg"])})
    assert found["label_1"].tolist() == ["happy", "happy", ""]
    assert found["error"][2] == "memory://bucket/no.jpg does not exist"
    with pytest.raises(FerZooError, match="there is nothing at memory://other"):
        find_photos("memory://other")
    files.pipe("/texts/notes.txt", b"no image")
    with pytest.raises(FerZooError, match="the folder memory://texts has no images"):
        find_photos("memory://texts")
    with pytest.raises(UsageError, match="nowhere://x is no address that is known here"):
        find_photos("nowhere://x")


def test_without_fsspec_one_sentence_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(UsageError, match=r"fsspec is not installed; run `pip install 'fer-zoo\[ray\]'`"):
        FacePredictor(MODEL, column="file")({"file": np.array(["s3://bucket/photo.jpg"])})


def test_the_example_runs(happy_photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(happy_photo.parent)
    [test] = [test for test in doctest.DocTestFinder().find(FacePredictor, globs={}) if test.examples]
    assert doctest.DocTestRunner().run(test).failed == 0
