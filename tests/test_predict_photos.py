"""`fer-zoo predict` on photos: faces found, classified, drawn."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fer_zoo.cli.predict import main
from fer_zoo.console import run
from fer_zoo.faces import read_photo
from fer_zoo.inference import load_classifier


@pytest.fixture
def predict(capfd):
    """Run the command: exit code, stdout, stderr."""

    def call(*arguments: object) -> tuple[int, str, str]:
        return run(main, list(map(str, arguments))), *capfd.readouterr()

    return call


@pytest.fixture
def astronaut(shared) -> Path:
    return shared / "media" / "astronaut.png"


@pytest.fixture
def couple(astronaut, tmp_path) -> Path:
    """A photo with two faces."""
    photo = read_photo(astronaut)
    Image.fromarray(np.concatenate([photo, photo[:, ::-1]], axis=1)).save(tmp_path / "couple.png")
    return tmp_path / "couple.png"


def test_json_is_what_analyze_says(predict, couple):
    code, stdout, stderr = predict(couple, "--format", "json", "--top-k", 7)
    content = json.loads(stdout)
    found = load_classifier().analyze(read_photo(couple))
    assert (code, stderr, len(content["predictions"]), len(found)) == (0, "", 2, 2)
    for number, (entry, face) in enumerate(zip(content["predictions"], found, strict=True), start=1):
        assert (entry["face"], entry["file"]) == (number, str(couple))
        assert entry["expressions"][0]["label"] == face.label == "happy"
        assert entry["expressions"][0]["probability"] == pytest.approx(float(face.probabilities.max()), abs=1e-5)
        assert entry["box"] == pytest.approx(face.box, abs=0.06)
        np.testing.assert_allclose(entry["landmarks"], face.landmarks, atol=0.06)


def test_csv_and_table(predict, couple, astronaut):
    _, stdout, _ = predict(couple, astronaut, "--format", "csv", "--language", "id")
    rows = list(csv.DictReader(io.StringIO(stdout)))
    assert [(Path(row["file"]).name, row["face"], row["label_1"]) for row in rows] == [
        ("couple.png", "1", "Senang"),
        ("couple.png", "2", "Senang"),
        ("astronaut.png", "1", "Senang"),
    ]
    assert float(rows[2]["x"]) == pytest.approx(178, abs=1)
    _, stdout, _ = predict(astronaut)
    assert "90x113 at 178,63  happy" in stdout


def test_the_batch_size_changes_nothing(predict, couple, astronaut):
    texts = {predict(couple, astronaut, couple, "--format", "json", "--batch-size", size)[1] for size in (1, 2, 9)}
    shares = [[e["expressions"][0]["probability"] for e in json.loads(text)["predictions"]] for text in texts]
    np.testing.assert_allclose(shares, [shares[0]] * len(shares), atol=1e-5)
    assert len(shares[0]) == 5


def test_small_pictures_are_crops_and_large_ones_photos_unless_told_otherwise(predict, astronaut, tmp_path):
    Image.open(astronaut).resize((64, 64)).save(tmp_path / "small.png")

    def box(*arguments: object) -> object:
        entries = json.loads(predict(*arguments, "--format", "json")[1])["predictions"]
        return entries[0]["box"] if entries else "none"

    assert box(tmp_path / "small.png") is None
    assert box(astronaut, "--crop") is None
    assert box(astronaut) == pytest.approx([178, 63, 90, 113], abs=1)
    assert box(tmp_path / "small.png", "--no-crop") == pytest.approx([178 / 8, 63 / 8, 90 / 8, 113 / 8], abs=2)


def test_a_photo_without_a_face_is_an_answer(predict, tmp_path):
    Image.new("RGB", (300, 200), "green").save(tmp_path / "meadow.png")
    code, stdout, stderr = predict(tmp_path / "meadow.png", "--format", "json")
    content = json.loads(stdout)
    assert (code, content["predictions"], content["failures"]) == (0, [], [])
    assert content["without_faces"] == [str(tmp_path / "meadow.png")]
    assert "no face was found in" in stderr
    assert "none found" in predict(tmp_path / "meadow.png")[1]


def test_bad_files_of_a_batch_are_told_and_the_rest_answered(predict, astronaut, tmp_path):
    content = astronaut.read_bytes()
    (tmp_path / "1_cut.png").write_bytes(content[: len(content) // 2])
    (tmp_path / "2_empty.jpg").touch()
    (tmp_path / "3_text.jpg").write_text("not a picture")
    Image.new("1", (10_000, 10_000)).save(tmp_path / "4_huge.png")
    (tmp_path / "5_good.png").write_bytes(content)
    photo = Image.open(astronaut)
    photo.convert("CMYK").save(tmp_path / "6_cmyk.jpg")
    photo.convert("RGBA").save(tmp_path / "7_alpha.png")
    Image.fromarray(np.asarray(photo.convert("L")).astype(np.uint16) * 257).save(tmp_path / "8_16bit.png")
    photo.save(tmp_path / "9_moving.gif", save_all=True, append_images=[Image.new("RGB", photo.size)])
    code, stdout, stderr = predict(tmp_path, "--format", "json")
    content = json.loads(stdout)
    answered = {Path(entry["file"]).name: entry["expressions"][0]["label"] for entry in content["predictions"]}
    assert code == 1
    assert [Path(entry["file"]).name[0] for entry in content["failures"]] == list("1234")
    assert sorted(name[0] for name in answered) == list("56789")
    assert set(answered.values()) == {"happy"}
    assert len(stderr.splitlines()) == 5
    for words in (
        "1_cut.png cannot be read",
        "2_empty.jpg is empty",
        "is not an image",
        "too many pixels",
        "animation",
    ):
        assert words in stderr


def test_the_annotated_picture(predict, couple, astronaut, tmp_path):
    assert predict(astronaut, "--annotate", tmp_path / "out.png")[0] == 0
    photo, drawn = read_photo(astronaut), read_photo(tmp_path / "out.png")
    changed = (photo != drawn).any(axis=2)
    assert photo.shape == drawn.shape
    assert changed[63, 180:266].all()
    assert not changed[80:160, 190:250].any()
    (tmp_path / "in").mkdir()
    for name in ("a.png", "a.jpg"):
        Image.open(astronaut).save(tmp_path / "in" / name)
    assert predict(tmp_path / "in", couple, "--annotate", tmp_path / "all")[0] == 0
    assert sorted(file.name for file in (tmp_path / "all").iterdir()) == ["a-2.jpg", "a.jpg", "couple.jpg"]


@pytest.mark.parametrize(
    ("target", "words"),
    [("out.png", "there are more inputs"), ("in", "would write over")],
)
def test_annotate_never_writes_over_an_input(predict, astronaut, tmp_path, target, words):
    (tmp_path / "in").mkdir()
    for name in ("a.jpg", "b.jpg"):
        Image.open(astronaut).save(tmp_path / "in" / name)
    before = (tmp_path / "in" / "a.jpg").read_bytes()
    code, _, stderr = predict(tmp_path / "in", "--annotate", tmp_path / target)
    assert (code, (tmp_path / "in" / "a.jpg").read_bytes()) == (2, before)
    assert words in stderr


def test_there_is_nothing_to_draw_on_a_crop(predict, tmp_path):
    Image.new("L", (48, 48), 90).save(tmp_path / "crop.png")
    code, _, stderr = predict(tmp_path / "crop.png", "--annotate", tmp_path / "out.png")
    assert (code, (tmp_path / "out.png").exists()) == (0, False)
    assert "nothing to draw" in stderr


def test_annotate_needs_a_format_that_keeps_colours(predict, astronaut, tmp_path):
    code, _, stderr = predict(astronaut, "--annotate", tmp_path / "out.gif")
    assert code == 2
    assert "must end in" in stderr


def test_one_photo_takes_little_memory_and_no_heavy_import(astronaut):
    program = (
        "import sys; from pathlib import Path; from fer_zoo.predict import main; main(sys.argv[1:]);"
        "heavy = {'keras', 'tensorflow', 'cv2', 'av', 'matplotlib', 'scipy', 'onnx'} & set(sys.modules);"
        "assert not heavy, heavy;"
        "status = Path('/proc/self/status');"
        "lines = status.read_text().splitlines() if status.exists() else ['VmHWM: 0'];"
        "assert next(int(line.split()[1]) for line in lines if line.startswith('VmHWM')) < 150 * 1024"
    )
    done = subprocess.run([sys.executable, "-c", program, astronaut], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "happy" in done.stdout
