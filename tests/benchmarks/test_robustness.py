from __future__ import annotations

import csv
import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

import benchmarks.robustness.measure
from benchmarks.__main__ import main
from benchmarks.robustness.corruptions import CORRUPTIONS, SEVERITIES, corrupt
from benchmarks.robustness.datasets import load_faces
from benchmarks.robustness.ranking import compare, transfer_section
from benchmarks.robustness.rows import RaterPair, RobustnessReport, Sides, Subject
from benchmarks.robustness.votes import against_votes, majority, sides, vote_shares
from benchmarks.studies.populations.rows import PRIORS
from benchmarks.table import read_record
from fer_zoo.console import run
from fer_zoo.contract import EXPRESSIONS
from fer_zoo.data.ferplus import FERPLUS_CLASSES
from fer_zoo.errors import FerZooError, UsageError
from fer_zoo.zoo import load_manifest, update_manifest


@pytest.fixture(scope="module")
def faces() -> np.ndarray:
    """Smooth gray pictures with an edge, so that blur, noise and movement all show."""
    y, x = np.mgrid[:48, :48]
    waves = [100 + 60 * np.sin(x / (5 + i)) * np.cos(y / 7) + 40 * (x > 20 + i) for i in range(12)]
    return np.clip(waves, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_corruptions_are_seeded_and_grow(name, faces):
    before = faces.copy()
    changes = []
    for severity in SEVERITIES:
        changed = corrupt(faces, name, severity)
        assert (changed.dtype, changed.shape) == (np.uint8, faces.shape)
        np.testing.assert_array_equal(changed, corrupt(faces, name, severity), err_msg="the same seed, the same pixels")
        changes.append(float(np.abs(changed.astype(int) - faces).mean()))
    assert changes == sorted(changes)
    assert 0 < changes[0] < changes[-1]
    np.testing.assert_array_equal(faces, before)


def test_fifteen_corruptions_in_five_severities():
    assert len(CORRUPTIONS) == 15
    assert all(len(strengths) == len(SEVERITIES) == 5 for _, strengths, _ in CORRUPTIONS.values())


def test_corruptions_do_what_they_say(faces):
    flat = np.full((4, 48, 48), 100, np.uint8)
    assert corrupt(flat, "brightness", 2).ravel().tolist() == [150] * flat.size
    assert corrupt(flat, "darkness", 2).max() == 50
    np.testing.assert_array_equal(corrupt(flat, "contrast", 5), flat)
    np.testing.assert_array_equal(corrupt(flat, "rotation", 5), flat)
    np.testing.assert_array_equal(corrupt(flat, "gaussian blur", 5), flat)
    assert (corrupt(flat, "occlusion", 3) == 128).sum() == 4 * 16 * 16
    assert 10 < corrupt(flat, "gaussian noise", 2).astype(float).std() < 14
    assert (corrupt(flat, "salt and pepper", 5) != 100).mean() == pytest.approx(0.14, abs=0.02)
    assert len(np.unique(corrupt(faces, "pixelation", 5)[0])) <= 144
    dot = np.zeros((40, 48, 48), np.uint8)
    dot[:, 24, 24] = 255
    moved = np.argwhere(corrupt(dot, "crop shift", 2) > 60)
    assert np.hypot(*(moved[:, 1:] - 24).T).max() == pytest.approx(4, abs=1)


def votes(**counts: int) -> np.ndarray:
    row = np.zeros((1, len(FERPLUS_CLASSES)), np.float32)
    for name, count in counts.items():
        row[0, FERPLUS_CLASSES.index(name)] = count
    return row


def test_vote_shares_leave_out_what_is_no_expression():
    rows = [votes(fear=6, sadness=2, unknown=2), votes(contempt=6, anger=4), votes(anger=5, contempt=5), votes()]
    shares, counts = vote_shares(np.concatenate(rows))
    assert counts.tolist() == [True, False, True, False]
    assert shares[0].tolist() == [0, 0, 0.75, 0, 0, 0.25, 0]
    assert majority(np.array([[0.5, 0.5, 0, 0, 0, 0, 0], [0.4, 0.6, 0, 0, 0, 0, 0]])).tolist() == [-1, 1]


def test_measures_against_votes():
    shares = np.zeros((2, 7))
    shares[0, [0, 1]] = 0.5
    shares[1, 2] = 1
    perfect = against_votes(shares, shares)
    assert perfect.nll == pytest.approx(perfect.entropy) == pytest.approx(np.log(2) / 2, abs=1e-6)
    assert (perfect.kl, perfect.ece) == (pytest.approx(0), pytest.approx(0))
    assert (perfect.n, perfect.decided, perfect.accuracy) == (2, 1, 1)
    sure = np.eye(7)[[0, 3]]
    wrong = against_votes(sure, shares)
    assert wrong.ece == pytest.approx((2 - 0.5) / 2), "sure of both, half a voter agrees"
    assert wrong.accuracy == 0
    assert wrong.kl > 1


def test_with_whom_raters_side():
    labels, guess = np.array([2, 2, 2, 2, 5]), np.array([5, 5, 5, 2, 2])
    assert sides(labels, guess, np.array([5, 2, -1, 2, 5]), "fear", "sad") == Sides(1, 1, 1)


def save(path, value: int, size: int = 48, mode: str = "L") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, (size, size), value if mode == "L" else (value,) * 3).save(path)


def test_folder_for_each_class_with_contempt_and_missing_classes(tmp_path):
    """Kaggle's CK+48, with what lies about in people's folders."""
    folder = tmp_path / "CK+48"
    for name, value in (("anger", 10), ("happy", 20), ("contempt", 30), ("sadness", 40), ("boredom", 50)):
        save(folder / name / "S010_004_00000017.png", value)
    (folder / "sadness" / "broken.png").write_bytes(b"no picture")
    (folder / "sadness" / "notes.txt").write_text("no picture")
    (folder / "happy" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    save(folder / "overview.png", 60)
    found = load_faces(folder)
    assert [EXPRESSIONS[label] for label in found.labels] == ["angry", "happy", "sad"]
    assert found.images[:, 0, 0].tolist() == [10, 20, 40]
    assert found.contempt[:, 0, 0].tolist() == [30]
    assert found.absent == ("disgust", "fear", "neutral", "surprise")
    assert found.left_out == {"boredom": 1}
    assert found.unreadable == 1
    unreadable, *others = found.notes
    assert unreadable.startswith("1 unreadable image left out: sadness/broken.png (")
    assert others == [
        "1 image outside the class folders left out: overview.png",
        "1 file of other kinds than images left out: sadness/notes.txt",
        "1 link to files that do not exist left out: happy/gone.png",
    ]


def test_only_the_test_part_counts(tmp_path):
    for part, value in (("train", 10), ("test", 20), ("val", 30)):
        save(tmp_path / part / "happy" / "1.png", value)
    found = load_faces(tmp_path)
    assert found.names == ("test/happy/1.png",)
    assert found.notes == ("2 images outside the class folders of test left out: train/happy/1.png; val/happy/1.png",)


def labels_of(found) -> dict[str, str]:
    """Expressions by the name of the file."""
    return {name: EXPRESSIONS[label] for name, label in zip(found.names, found.labels, strict=True)}


# Code, where there is one, and expression.
CODES = {"AN": "angry", "DI": "disgust", "HA": "happy", "NE": "neutral", "SA": "sad", "SU": "surprise"}


def test_jaffe(tmp_path, happy_photo):
    codes = CODES | {"FE": "fear"}
    for i, code in enumerate(codes):
        (tmp_path / "jaffe").mkdir(exist_ok=True)
        Image.open(happy_photo).convert("L").resize((256, 256)).save(tmp_path / f"jaffe/KA.{code}{i}.{20 + i}.tiff")
    (tmp_path / "jaffe/README").write_text("Kamachi")
    save(tmp_path / "jaffe/KA.XX1.39.tiff", 0)
    found = load_faces(tmp_path)
    assert found.layout == "JAFFE"
    assert labels_of(found) == {
        f"jaffe/KA.{code}{i}.{20 + i}.tiff": name for i, (code, name) in enumerate(codes.items())
    }
    assert found.notes == (
        "1 image outside JAFFE's names left out: jaffe/KA.XX1.39.tiff",
        "1 file of other kinds than images left out: jaffe/README",
        "7 faces cut out of larger images",
    )


def test_kdef_takes_frontal_views(tmp_path, happy_photo):
    codes = CODES | {"AF": "fear"}
    for code in codes:
        (tmp_path / "AF01").mkdir(exist_ok=True)
        shutil.copy(happy_photo, tmp_path / f"AF01/AF01{code}S.JPG")
    for view in ("FL", "HL", "HR", "FR"):
        save(tmp_path / f"AF01/BM35AF{view}.JPG", 0)
    save(tmp_path / "AF01/AF01NES.png", 0, 100)
    found = load_faces(tmp_path)
    assert found.layout == "KDEF"
    assert labels_of(found) == {f"AF01/AF01{code}S.JPG": name for code, name in codes.items()}
    assert found.left_out == {"not frontal": 4}
    assert found.notes[-1] == "1 image in which no face was found, left out: AF01/AF01NES.png"
    assert found.unreadable == 1


def test_expw_cuts_out_the_boxes(tmp_path):
    picture = np.zeros((60, 80), np.uint8)
    picture[10:40, 20:50] = 200
    (tmp_path / "image/origin").mkdir(parents=True)
    Image.fromarray(picture).save(tmp_path / "image/origin/afraid_man_1.png")
    lines = [f"afraid_man_1.png {code} 10 20 50 40 22.9362 {code}" for code in range(7)]
    (tmp_path / "label").mkdir()
    list_of_faces = tmp_path / "label/label.lst"
    list_of_faces.write_text("\n".join([*lines, "gone.png 0 10 20 50 40 22.9 0", ""]))
    found = load_faces(tmp_path)
    assert found.layout == "ExpW"
    expected = ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"]
    assert [EXPRESSIONS[label] for label in found.labels] == expected
    assert found.images[0, 1:-1, 1:-1].min() == 200, "top 10, left 20, right 50, bottom 40: only the box"
    assert found.notes == ("1 unreadable image left out: image/origin/gone.png (does not exist)",)
    list_of_faces.write_text("afraid_man_1.png 0 10 20 50 0")
    with pytest.raises(FerZooError, match="is not ExpW's list"):
        load_faces(tmp_path)


def test_sfew_takes_the_validation_part(tmp_path):
    names = ("Angry", "Disgust", "Fear", "Happy", "Neutral", "Sad", "Surprise")
    for i, name in enumerate(names):
        save(tmp_path / f"Val/Val_Aligned_Faces/{name}/Airheads_000519240_0000000{i}.png", 10 * i, 143)
        save(tmp_path / f"Train/Train_Aligned_Faces/{name}/Airheads_000519240_0000000{i}.png", 255)
    found = load_faces(tmp_path)
    assert found.layout == "SFEW 2.0, aligned faces"
    assert {path.split("/")[2].lower(): label for path, label in labels_of(found).items()} == {
        name: name for name in EXPRESSIONS
    }
    assert sorted(found.images[:, 0, 0].tolist()) == [0, 10, 20, 30, 40, 50, 60]
    assert found.notes[0].startswith("7 images outside the class folders of the validation part left out: Train/")


def test_sfew_finds_faces_in_whole_frames(tmp_path, happy_photo):
    for film in ("Airheads", "Terminal"):
        path = tmp_path / f"Val/Happy/{film}_000519240_00000005.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.open(happy_photo).save(path) if film == "Airheads" else save(path, 0, 100)
    found = load_faces(tmp_path)
    assert (found.layout, len(found.images)) == ("SFEW 2.0", 1)
    assert found.notes[-1] == (
        "1 image in which no face was found, left out: Val/Happy/Terminal_000519240_00000005.png"
    )


def test_ferg(tmp_path):
    names = ("anger", "disgust", "fear", "joy", "neutral", "sadness", "surprise")
    for name in names:
        save(tmp_path / f"FERG_DB_256/aia/aia_{name}/aia_{name}_1.png", 90, 256, "RGB")
    found = load_faces(tmp_path)
    assert found.layout == "FERG"
    expected = ["angry", "disgust", "fear", "happy", "neutral", "sad", "surprise"]
    assert [EXPRESSIONS[label] for label in found.labels] == expected
    assert "7 images in which no face was found, taken as faces" in found.notes[-1], "these are plain gray"
    assert found.unreadable == 0


def test_raf_db(tmp_path):
    lines = ["train_00001.jpg 5", "test_0001.jpg 4", "test_0002.jpg 1"]
    (tmp_path / "EmoLabel").mkdir()
    (tmp_path / "EmoLabel/list_patition_label.txt").write_text("\n".join(lines))
    for name in ("train_00001", "test_0001", "test_0002"):
        save(tmp_path / "Image/aligned" / f"{name}_aligned.jpg", 128, 100, "RGB")
    found = load_faces(tmp_path)
    assert (found.layout, found.images.shape) == ("RAF-DB", (2, 48, 48))
    assert found.left_out == {"train part": 1}
    assert [EXPRESSIONS[label] for label in found.labels] == ["happy", "surprise"]
    for code, name in enumerate(("surprise", "fear", "disgust", "happy", "sad", "angry", "neutral"), 1):
        save(tmp_path / "kaggle/DATASET/test" / str(code) / f"test_{name}_aligned.jpg", code, 100, "RGB")
    found = load_faces(tmp_path / "kaggle")
    assert {path.split("_")[1]: EXPRESSIONS[label] for path, label in zip(found.names, found.labels, strict=True)} == {
        name: name for name in EXPRESSIONS
    }


def test_affect_net(tmp_path):
    for number, code in enumerate((1, 7, 6)):
        save(tmp_path / "images" / f"{number}.jpg", 100, 224, "RGB")
        (tmp_path / "annotations").mkdir(exist_ok=True)
        np.save(tmp_path / "annotations" / f"{number}_exp.npy", np.array(str(code)))
    found = load_faces(tmp_path)
    assert [EXPRESSIONS[label] for label in found.labels] == ["happy", "angry"]
    assert len(found.contempt) == 1
    np.save(tmp_path / "annotations/3_exp.npy", np.array("11"))
    with pytest.raises(FerZooError, match="'11'"):
        load_faces(tmp_path)


def test_affect_net_boxes_and_other_classes(tmp_path):
    picture = np.zeros((60, 80), np.uint8)
    picture[10:40, 20:50] = 200
    Image.fromarray(picture).save(tmp_path / "face.png")
    header = "subDirectory_filePath,face_x,face_y,face_width,face_height,expression\n"
    rows = ["face.png,20,10,30,30,2\n", "face.png,20,10,30,30,9\n", "face.png,20,10,30,30,10\n"]
    (tmp_path / "validation.csv").write_text(header + "".join(rows))
    found = load_faces(tmp_path)
    assert [EXPRESSIONS[label] for label in found.labels] == ["sad"]
    assert found.images[0, 8:40, 8:40].min() == 200, "only the box is cropped"
    assert found.left_out == {"uncertain": 1, "no face": 1}


def test_ck_plus_finds_the_face_in_the_last_frame(tmp_path, happy_photo):
    sequence = tmp_path / "cohn-kanade-images/S005/001"
    sequence.mkdir(parents=True)
    Image.open(happy_photo).convert("L").save(sequence / "S005_001_00000011.png")
    Image.new("L", (200, 200)).save(sequence / "S005_001_00000001.png")
    label = tmp_path / "Emotion/S005/001/S005_001_00000011_emotion.txt"
    label.parent.mkdir(parents=True)
    label.write_text("   5.0000000e+00\n")
    shutil.copytree(sequence, sequence.with_name("002"))
    shutil.copytree(label.parent, label.parent.with_name("003"))
    (label.parent.with_name("003") / label.name).rename(label.parent.with_name("003") / "S005_003_00000011_emotion.txt")
    found = load_faces(tmp_path)
    assert [EXPRESSIONS[label] for label in found.labels] == ["happy"]
    assert found.left_out == {"no label": 1}
    missing, cropped, faceless = found.notes
    assert missing == "1 unreadable image left out: cohn-kanade-images/S005/003/S005_003_00000011.png (does not exist)"
    assert cropped == "1 face cut out of larger images"
    assert "00000001.png" in faceless, "the first frame, neutral, is black here"


def test_unknown_layout(tmp_path):
    with pytest.raises(UsageError, match="no known layout"):
        load_faces(tmp_path)
    with pytest.raises(UsageError, match="there is no folder"):
        load_faces(tmp_path / "nowhere")


@pytest.fixture
def arguments(zoo, quick) -> list[str]:
    return ["robustness", "--artifacts", str(zoo.artifacts)]


def test_report_of_fer2013_with_votes(zoo, arguments, tmp_path, monkeypatch):
    monkeypatch.setattr(benchmarks.robustness.measure, "BASE", "linear onnx fp32")
    ferplus = tmp_path / "ferplus.csv"
    images = [f"{i},PublicTest_{i}.png" for i in range(42)]
    rows = [f"{name}," + ",".join(str(int(v)) for v in votes(fear=4, sadness=6)[0]) for name in images]
    ferplus.write_text("\n".join(["row,image," + ",".join(FERPLUS_CLASSES), *rows]))
    assert run(main, [*arguments, "--data", str(zoo.data), "--ferplus", str(ferplus), "--images", "10"]) == 0
    report = read_record(zoo.reports / "robustness.json", RobustnessReport)
    assert report.corrupted_images == 10
    first, second = report.rows
    assert first.mce == 1
    assert first.name == "linear onnx fp32"
    means = [np.mean(second.corrupted_accuracy[name]) for name in CORRUPTIONS]
    assert second.mean_corruption_accuracy == pytest.approx(np.mean(means))
    assert first.ferplus.n == 42
    assert report.raters.pairs[0] == RaterPair("fear", "sad", 1.0)
    table = list(csv.DictReader((zoo.reports / "robustness.csv").open()))
    assert len(table) == 2 * (1 + 75)
    page = (zoo.reports / "robustness.md").read_text()
    assert "of 10 images spread evenly over the 42" in page
    assert "entropy of 0.673 nats" in page
    plots = {path.name for path in zoo.reports.glob("*.png")}
    assert plots >= {
        "robustness.png",
        "robustness_curves.png",
        "corruptions.png",
        "calibration.png",
        "confused_pairs.png",
    }


@pytest.mark.usefixtures("undrawn")
def test_another_model_leaves_the_others_as_measured(zoo, arguments, monkeypatch):
    predicted = []
    load = benchmarks.robustness.measure.load_classifier

    def counting(path, threads):
        classifier = load(path, threads=threads)
        predict = classifier.predict_proba
        monkeypatch.setattr(classifier, "predict_proba", lambda x: predicted.append(path.name) or predict(x))
        return classifier

    monkeypatch.setattr(benchmarks.robustness.measure, "load_classifier", counting)
    command = [*arguments, "--data", str(zoo.data), "--images", "2"]
    assert run(main, [*command, "--models", "linear:onnx:int8"]) == 0
    (alone,) = read_record(zoo.reports / "robustness.json", RobustnessReport).rows
    predicted.clear()
    assert run(main, command) == 0
    both = {row.name: row for row in read_record(zoo.reports / "robustness.json", RobustnessReport).rows}
    assert both["linear onnx int8"].corrupted_accuracy == alone.corrupted_accuracy
    assert sorted(predicted.count(name) for name in set(predicted)) == [1, 76]
    predicted.clear()
    assert run(main, [*command, "--fresh"]) == 0
    assert [predicted.count(name) for name in set(predicted)] == [76, 76]


@pytest.mark.usefixtures("undrawn")
def test_report_of_another_data_set(zoo, arguments, tmp_path, capsys):
    rng = np.random.default_rng(0)
    for name in ("anger", "happiness", "contempt"):
        (tmp_path / "others" / name).mkdir(parents=True)
        for i in range(3):
            face = rng.integers(0, 256, (48, 48), dtype=np.uint8)
            Image.fromarray(face).save(tmp_path / "others" / name / f"{i}.png")
    both = [*arguments, "--dataset", str(tmp_path / "others")]
    assert run(main, [*both, "--models", "linear:onnx:int8"]) == 0
    report = read_record(zoo.reports / "others" / "robustness.json", RobustnessReport)
    assert report.data.n == 6
    assert report.data.absent == ("disgust", "fear", "neutral", "sad", "surprise")
    assert sum(report.contempt["linear onnx int8"]) == 3
    assert report.base is None
    page = (zoo.reports / "others" / "robustness.md").read_text()
    assert "3 images labelled contempt" in page
    assert "no image of disgust, fear, neutral, sad, surprise" in page
    (row,) = report.transfer.rows
    assert (row.prior, row.accuracy) == ("training", report.rows[0].evaluation.accuracy), "no prior is known"
    assert row.recall.keys() == {"angry", "happy"}
    assert row.macro_recall == pytest.approx(row.accuracy), "three images of each"
    assert "**linear onnx int8 transfers best**" in page
    entries = load_manifest(zoo.artifacts)
    known = [replace(a, output=a.output | {"prior": [1, 2, 3, 4, 5, 6, 7]}) for a in entries]
    update_manifest(known, zoo.artifacts)
    assert run(main, [*both, "--models", "linear:onnx:int8", "--prior", "uniform"]) == 0
    folder = zoo.reports / "others" / "prior-uniform"
    adapted = read_record(folder / "robustness.json", RobustnessReport)
    assert adapted.transfer is None
    assert adapted.data.prior == "uniform"
    assert adapted.rows[0].evaluation.nll != report.rows[0].evaluation.nll
    assert "adapted to the prior `uniform`" in (folder / "robustness.md").read_text()
    assert run(main, [*both, "--data", str(zoo.data)]) == 2
    assert "give no --data" in capsys.readouterr().err


def test_which_model_transfers_best():
    """Two models, of which the better one is right on 60 of 80 images, the other on 40; one has a training prior."""
    labels = np.repeat([0, 3], 40)
    good, poor = np.full((2, 80, 7), 0.05)
    good[np.arange(80), np.where(np.arange(80) < 20, 3, labels)] = 0.7
    poor[:, 3] = 0.7
    subjects = [Subject(name, "ours", name, "fp32", "onnx", name) for name in ("poor", "good")]
    training = {"good": np.full(7, 1 / 7), "poor": None}
    transfer = compare(subjects, {"good": good, "poor": poor}, training, labels, "made")
    assert [(row.model, row.prior) for row in transfer.rows] == [
        *(("good", prior) for prior in PRIORS),
        ("poor", "training"),
    ]
    rows = {row.prior: row for row in transfer.rows[:-1]}
    assert (rows["training"].accuracy, rows["training"].recall) == (0.75, {"angry": 0.5, "happy": 1.0})
    assert rows["uniform"].ece == pytest.approx(rows["training"].ece), "it was trained on a uniform one"
    assert rows["known"].nll < rows["training"].nll
    assert (transfer.runner_up, transfer.p) == ("poor", pytest.approx(2 * 0.5**20))
    first, *_ = transfer_section(transfer, "")[1].split(". ")
    assert first.startswith("**good transfers best**: 75.0 % of 80 images right")
    assert "25.0 points before poor" in transfer_section(transfer, "")[1]
    table = transfer_section(transfer, "")[-2]
    assert "| poor | 50.0 % / 50.0 % (" in table
