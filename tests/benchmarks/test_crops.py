from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.studies.command import crops_main as main
from benchmarks.studies.crop_study import CHOSEN, Candidate, _levelled
from fer_zoo.faces import Face, FaceDetector, read_photo
from fer_zoo.faces.crop import square_of


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory, shared: Path) -> Path:
    folder = tmp_path_factory.mktemp("crops")
    (folder / "photos" / "happy").mkdir(parents=True)
    Image.open(shared / "media" / "astronaut.png").save(folder / "photos" / "happy" / "a.png")
    main(["--images", "40", "--photos", str(folder / "photos"), "--output", str(folder / "out")])
    return folder / "out"


def test_the_report_has_every_candidate_and_one_is_chosen(report):
    content = json.loads((report / "crops.json").read_text())
    facts, candidates = content["splits"]["public_test"], content["candidates"]
    assert (facts["n"], list(content["splits"])) == (40, ["public_test", "private_test"])
    assert facts["found"] > 30
    assert 0.3 < facts["geometry"]["eyes_y"][1] < 0.45 < 0.65 < facts["geometry"]["mouth_y"][1] < 0.85
    assert content["chosen"] in [{name: row[name] for name in content["chosen"]} for row in candidates]
    assert all(0 < row[split]["accuracy"] <= 1 for row in candidates for split in content["splits"])
    assert len(list(csv.DictReader((report / "crops.csv").open()))) == len(candidates)
    page = (report / "crops.md").read_text()
    assert page.count("| **") == 1
    assert page.count(" x box") + page.count(" x eyes to mouth") == len(candidates)
    assert read_photo(report / "crops.png").shape[2] == 3


def test_a_crop_far_from_fer2013s_changes_more_answers(report):
    rows = json.loads((report / "crops.json").read_text())["candidates"]
    by_scale = {row["scale"]: row["public_test"] for row in rows if row["anchor"] == "box" and not row["upright"]}
    assert by_scale[1.4]["agreement"] < by_scale[CHOSEN.scale]["agreement"]


def test_the_photo_with_a_known_expression(report):
    rows = json.loads((report / "crops.json").read_text())["candidates"]
    chosen = next(row for row in rows if all(row[k] == v for k, v in vars(CHOSEN).items()))["photos"]
    assert (chosen["photos"], chosen["labelled"]) == (1, 1)
    assert chosen["probability"] > 0.5
    assert 0 <= chosen["unsteadiness"] < 0.5
    assert 0 < chosen["misplacement"] < 0.15


def test_levelling_turns_the_eyes_level(photo_of_a_tilted_face):
    image, face = photo_of_a_tilted_face
    turned, level = _levelled(image, face)
    (found,) = FaceDetector().detect(turned)
    tilt = [np.subtract(*points.landmarks[[1, 0]])[1] for points in (face, level, found)]
    assert abs(tilt[0]) > 8
    assert abs(tilt[1]) < 0.01
    assert abs(tilt[2]) < 6
    np.testing.assert_allclose(level.landmarks, found.landmarks, atol=15)


@pytest.fixture
def photo_of_a_tilted_face(shared: Path) -> tuple[np.ndarray, Face]:
    photo = Image.open(shared / "media" / "grace_hopper.jpg").convert("L")
    image = np.asarray(photo.rotate(15, Image.Resampling.BICUBIC))
    return image, FaceDetector().detect(image)[0]


def test_squares_by_the_box_and_by_the_landmarks():
    points = np.array([[40, 40], [60, 40], [50, 50], [42, 60], [58, 60]], np.float32)
    face = Face((30, 20, 40, 60), points, 0.9)
    assert CHOSEN.square(face) == square_of(face)
    assert Candidate("box", False, 2.0, 0.1).square(face) == pytest.approx((0, 5, 100))
    assert Candidate("landmarks", False, 3.0, 0.5).square(face) == pytest.approx((20, 30, 60))
