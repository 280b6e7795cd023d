from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import fer_zoo.inference.photo_predictor as photos_module
from fer_zoo.cli.predict import main
from fer_zoo.cli.predict_inputs import find_drawings
from fer_zoo.console import run
from fer_zoo.contract import EXPRESSIONS, EXPRESSIONS_INDONESIAN
from fer_zoo.inference import load_classifier, read_image


@pytest.fixture
def faces(tmp_path) -> Path:
    folder = tmp_path / "faces"
    (folder / "more").mkdir(parents=True)
    random = np.random.default_rng(0)
    for name in ("b.png", "a.png", "more/c.JPG"):
        Image.fromarray(random.integers(0, 256, (60, 50, 3), dtype=np.uint8)).save(folder / name)
    (folder / "notes.txt").write_text("no image")
    (folder / ".hidden.png").write_text("no image")
    return folder


@pytest.fixture
def predict(model_files, capfd):
    """Run the command on the tiny ONNX model: exit code, stdout, stderr."""

    def call(*arguments: object) -> tuple[int, str, str]:
        code = run(main, ["--model", str(model_files / "model.onnx"), *map(str, arguments)])
        return code, *capfd.readouterr()

    return call


def test_json_tells_what_the_classifier_says(predict, faces, model_files):
    code, stdout, stderr = predict(faces / "a.png", "--format", "json", "--top-k", 7)
    content = json.loads(stdout)
    row = load_classifier(model_files / "model.onnx").predict_proba(read_image(faces / "a.png"))[0]
    told = {entry["label"]: entry["probability"] for entry in content["predictions"][0]["expressions"]}
    assert (code, stderr, content["failures"]) == (0, "", [])
    assert content["runtime"] == "onnxruntime"
    assert told == pytest.approx(dict(zip(EXPRESSIONS, map(float, row), strict=True)), abs=1e-6)
    assert list(told.values()) == sorted(told.values(), reverse=True)


def test_a_folder_is_searched_below_and_in_order(predict, faces):
    code, stdout, _ = predict(faces, "--format", "json")
    files = [entry["file"] for entry in json.loads(stdout)["predictions"]]
    assert (code, files) == (0, [str(faces / name) for name in ("a.png", "b.png", "more/c.JPG")])


def test_the_batch_size_changes_nothing(predict, faces):
    results = [json.loads(predict(faces, "--format", "json", "--batch-size", size)[1]) for size in (1, 2, 9)]
    assert results[0]["predictions"] == results[1]["predictions"] == results[2]["predictions"]


def test_csv(predict, faces):
    code, stdout, _ = predict(faces, "--format", "csv", "--top-k", 2)
    rows = list(csv.DictReader(io.StringIO(stdout)))
    assert (code, len(rows)) == (0, 3)
    place = ["face", "x", "y", "width", "height", "score"]
    assert list(rows[0]) == ["file", *place, "label_1", "probability_1", "label_2", "probability_2"]
    assert [rows[0][name] for name in place] == ["1", "", "", "", "", ""]
    assert float(rows[0]["probability_1"]) >= float(rows[0]["probability_2"]) > 0


def test_table(predict, faces):
    code, stdout, _ = predict(faces / "a.png")
    assert code == 0
    assert "expression" in stdout.splitlines()[0]
    assert "█" in stdout
    assert any(label in stdout for label in EXPRESSIONS)


def test_indonesian(predict, faces):
    _, english, _ = predict(faces, "--format", "json")
    _, indonesian, _ = predict(faces, "--format", "json", "--language", "id")
    names = dict(zip(EXPRESSIONS, EXPRESSIONS_INDONESIAN, strict=True))
    for one, other in zip(json.loads(english)["predictions"], json.loads(indonesian)["predictions"], strict=True):
        assert [names[entry["label"]] for entry in one["expressions"]] == [e["label"] for e in other["expressions"]]


@pytest.mark.parametrize("suffix", ["json", "csv", "txt"])
def test_the_output_file_decides_the_format(predict, faces, tmp_path, suffix):
    path = tmp_path / "new" / f"result.{suffix}"
    code, stdout, _ = predict(faces, "--output", path)
    assert (code, stdout) == (0, "")
    start = {"json": "{", "csv": "file,face", "txt": "file"}[suffix]
    assert path.read_text().startswith(start)
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_bad_files_are_told_and_the_others_still_answered(predict, faces, tmp_path):
    (tmp_path / "empty.png").touch()
    (tmp_path / "nothing").mkdir()
    bad = [tmp_path / "empty.png", tmp_path / "missing.png", tmp_path / "nothing", faces / "notes.txt"]
    code, stdout, stderr = predict(*bad, faces / "a.png", "--format", "json")
    content = json.loads(stdout)
    assert code == 1
    assert [entry["file"] for entry in content["predictions"]] == [str(faces / "a.png")]
    assert sorted(entry["file"] for entry in content["failures"]) == sorted(map(str, bad))
    assert len(stderr.splitlines()) == 4
    for sentence in ("empty.png is empty", "does not exist", "has no images", "is not an image"):
        assert sentence in stderr


def test_a_model_that_does_not_load_ends_the_command(faces, tmp_path, model_files, capfd):
    (tmp_path / "cut.onnx").write_bytes((model_files / "model.onnx").read_bytes()[:9999])
    for model, code in ((tmp_path / "cut.onnx", 1), (model_files / "input_64.onnx", 1), (tmp_path / "none.onnx", 2)):
        assert run(main, ["--model", str(model), str(faces / "a.png")]) == code
        stdout, stderr = capfd.readouterr()
        assert stdout == ""
        assert len(stderr.splitlines()) == 1
        assert "error:" in stderr


@pytest.mark.parametrize("wrong", [["--top-k", "x"], ["--top-k", "0"], ["--batch-size", "0"], ["--threads", "x"], []])
def test_wrong_usage_is_exit_code_2(wrong, capfd):
    with pytest.raises(SystemExit) as caught:
        main([*wrong, "face.png"] if wrong else [])
    assert caught.value.code == 2
    assert "error:" in capfd.readouterr().err


def test_a_file_name_that_is_no_text(predict, faces, monkeypatch):
    monkeypatch.chdir(faces)
    name = os.fsdecode(b"\xff[red].png")
    Path("a.png").rename(name)
    for form in ("table", "json", "csv"):
        code, stdout, _ = predict(name, "--format", form)
        assert code == 0
        assert "\N{REPLACEMENT CHARACTER}[red].png" in stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["a.png", "--output", "a.png", "--format", "csv"], "would write over that input"),
        (["a.png", "--output", "A/../a.png", "--format", "csv"], "would write over that input"),
        (["a.png", "--annotate", "a.png"], "would write over that input"),
        (["a.png", "--annotate", "b.png/folder"], "cannot be written (Not a directory)"),
        (["a.png", "--output", "r.xlsx"], "must end in .csv, .json, .jsonl or .txt (a table)"),
        (["a.png", "--output", "A", "--format", "csv"], "is a folder"),
        (["a.png", "--output", "a.png/r.csv"], "cannot be written"),
        (["a.png", "--output", "x" * 300 + ".csv"], "cannot be written (File name too long)"),
        (["rtsp://camera/1"], "watch a stream with `fer-zoo live --camera URL`"),
    ],
)
def test_outputs_are_checked_before_anything_is_read(predict, faces, monkeypatch, arguments, words):
    monkeypatch.chdir(faces)
    Path("A").mkdir()
    before = Path("a.png").read_bytes()
    monkeypatch.setattr("fer_zoo.cli.predict.load_classifier", lambda *_, **__: pytest.fail("work began"))
    code, stdout, stderr = predict(*arguments)
    assert (code, stdout, Path("a.png").read_bytes()) == (2, "", before)
    assert words in stderr
    assert not list(Path().rglob(".writing-*"))


@pytest.fixture
def interrupted(monkeypatch):
    """Ctrl-C while the third picture is read."""
    search, seen = photos_module.search_photo, []

    def search_two(path, *arguments, **options):
        seen.append(path)
        if len(seen) == 3:
            raise KeyboardInterrupt
        return search(path, *arguments, **options)

    monkeypatch.setattr(photos_module, "search_photo", search_two)


@pytest.mark.parametrize("target", ["r.csv", "r.jsonl", "r.json", "r.txt", None])
def test_ctrl_c_keeps_what_is_answered(predict, faces, tmp_path, interrupted, target):
    several = [faces / "a.png"] * 5
    output = ["--output", tmp_path / target] if target else ["--format", "csv"]
    code, stdout, stderr = predict(*several, "--batch-size", 1, "--jobs", 1, *output)
    text = (tmp_path / target).read_text() if target else stdout
    assert code == 130
    assert text.count("a.png") == 2
    assert "stopped after 2 of 5 files" in stderr


def test_names_that_are_too_long_and_folders_that_cannot_be_read_end_no_batch(predict, faces, tmp_path, monkeypatch):
    for name in ("good", "bad"):
        (tmp_path / "in" / name).mkdir(parents=True)
        (tmp_path / "in" / name / "a.png").write_bytes((faces / "a.png").read_bytes())
    (tmp_path / "in" / "good" / "list.psd").touch()
    (tmp_path / "in" / "good" / "gone.png").symlink_to("nothing.png")
    scan = os.scandir

    def refuse(path):
        if str(path).endswith("bad"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    code, stdout, stderr = predict("x" * 300 + ".png", tmp_path / "in", "--format", "json")
    content = json.loads(stdout)
    assert code == 1
    assert [Path(entry["file"]).parent.name for entry in content["predictions"]] == ["good"]
    assert len(content["failures"]) == 3
    for words in ("File name too long", "bad cannot be read: Permission denied", "is a link to a file that does not"):
        assert words in stderr
    assert "1 file left out, by name no image: " in stderr


def test_files_without_a_face_can_have_a_row(predict, tmp_path):
    Image.new("RGB", (300, 200), "green").save(tmp_path / "meadow.png")
    _, without, stderr = predict(tmp_path / "meadow.png", "--format", "csv")
    _, stdout, _ = predict(tmp_path / "meadow.png", "--format", "csv", "--empty")
    header, row = csv.reader(io.StringIO(stdout))
    assert len(without.splitlines()) == 1
    assert (len(row), row[0], set(row[1:])) == (len(header), str(tmp_path / "meadow.png"), {""})
    assert "--detector-size" not in stderr
    Image.new("RGB", (700, 200), "green").save(tmp_path / "meadow.png")
    assert "a --detector-size above 640 for small faces" in predict(tmp_path / "meadow.png", "--format", "csv")[2]


def test_many_drawings_have_names_of_their_own(tmp_path):
    files = [Path(f"{folder}/face.png") for folder in range(3000)]
    drawings = find_drawings(files, tmp_path / "out", single=False)
    assert len(set(drawings.values())) == 3000
    assert drawings[files[2]] == tmp_path / "out" / "face-3.jpg"


def test_jobs_change_neither_answers_nor_order(predict, faces):
    files = [faces / name for name in ("a.png", "b.png", "notes.txt", "more/c.JPG")] * 8
    texts = [predict(*files, "--format", "jsonl", "--jobs", jobs)[1] for jobs in (1, 3)]
    one, three = ([json.loads(line) for line in text.splitlines()] for text in texts)
    assert [entry["file"] for entry in one] == [entry["file"] for entry in three] == list(map(str, files))
    for entry, same in zip(one, three, strict=True):
        shares = [
            [e["probability"] for face in line.get("predictions", []) for e in face["expressions"]]
            for line in (entry, same)
        ]
        assert shares[0] == pytest.approx(shares[1], abs=1e-5)
    assert "is not an image" in one[2]["error"]


@pytest.mark.parametrize("form", ["csv", "jsonl"])
@pytest.mark.parametrize("cut", [0, 7])
def test_an_output_that_was_cut_off_is_gone_on_with(predict, faces, tmp_path, form, cut):
    output = tmp_path / f"out.{form}"
    several = [faces / "a.png", faces / "b.png"]
    assert predict(*several, faces / "more" / "c.JPG", "--output", output)[0] == 0
    whole = output.read_bytes()
    lines = whole.splitlines(keepends=True)
    kept = len(lines) - 1
    output.write_bytes(b"".join(lines[:kept]) + lines[kept][:cut])
    code, _, stderr = predict(*several, faces / "more" / "c.JPG", "--output", output, "--resume")
    assert (code, output.read_bytes()) == (0, whole)
    assert "of 3 are in " in stderr
    code, _, _ = predict(*several, "--output", tmp_path / f"new.{form}", "--resume")
    assert (code, len((tmp_path / f"new.{form}").read_text().splitlines())) == (0, kept)


@pytest.mark.parametrize(
    ("arguments", "content", "words"),
    [
        (["--resume"], "", "--resume continues an --output"),
        (["--resume", "--output", "r.json"], "", "--resume continues an --output"),
        (["--resume", "--output", "r.csv", "--prior", "estimate"], "", "--resume continues an --output"),
        (["--resume", "--output", "r.csv"], "name,size\n", "has other columns"),
        (["--resume", "--output", "r.jsonl"], "no json\n", "is no earlier output in JSON lines"),
        (["--resume", "--output", "r.jsonl"], "[1]\n", "is no earlier output in JSON lines"),
    ],
)
def test_what_cannot_be_gone_on_with_is_left_as_it_is(predict, faces, monkeypatch, arguments, content, words):
    monkeypatch.chdir(faces)
    if content:
        Path(arguments[-1]).write_text(content)
    code, stdout, stderr = predict("a.png", *arguments)
    assert (code, stdout) == (2, "")
    assert words in stderr
    if content:
        assert Path(arguments[-1]).read_text() == content


def test_rows_are_written_as_they_come(predict, faces, tmp_path, monkeypatch):
    """Each file's rows are there before the next but few are read, so that memory does not grow."""
    output, sizes = tmp_path / "r.csv", []
    search = photos_module.search_photo

    def watched(path, *arguments, **options):
        sizes.append(len(output.read_text().splitlines()) if output.exists() else 0)
        return search(path, *arguments, **options)

    monkeypatch.setattr(photos_module, "search_photo", watched)
    assert predict(*[faces / "a.png"] * 6, "--output", output, "--batch-size", 1, "--jobs", 1)[0] == 0
    assert sizes == [0, 2, 3, 4, 5, 6]


def test_the_prior_is_estimated_from_all_faces_of_the_run(faces, tmp_path, capfd):
    model = ["--model", "fernet_nano:onnx:int8", "--format", "csv", "--top-k", 7, "--prior", "estimate"]
    many = [faces / name for name in ("a.png", "b.png") for _ in range(35)]
    assert run(main, list(map(str, [*many, *model, "--jobs", 2]))) == 0
    rows = list(csv.DictReader(io.StringIO(capfd.readouterr().out)))
    crops = np.stack([read_image(file) for file in many])
    expected = load_classifier("fernet_nano:onnx:int8", prior="estimate").predict_proba(crops)
    assert len(rows) == 70
    for row, answer in zip(rows, expected, strict=True):
        assert float(row["probability_1"]) == pytest.approx(float(answer.max()), abs=1e-4)
    assert run(main, list(map(str, [faces / "a.png", *model]))) == 2
    stdout, stderr = capfd.readouterr()
    assert stdout == ""
    assert "too few to estimate" in stderr.splitlines()[0]
