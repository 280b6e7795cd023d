from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.studies.command import crops_main as main
from benchmarks.studies.crops.measure import _levelled
from benchmarks.studies.crops.page import to_markdown
from benchmarks.studies.crops.rows import CHOSEN, Candidate, CropReport
from benchmarks.table import read_record, write_csv
from fer_zoo.faces import Face, FaceDetector, read_photo
from fer_zoo.faces.crop import square_of


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory, shared: Path) -> Path:
    folder = tmp_path_factory.mktemp("crops")
    (folder / "photos" / "happy").mkdir(parents=True)
    Image.open(shared / "media" / "astronaut.png").save(folder / "photos" / "happy" / "a.png")
    main(["--images", "40", "--photos", str(folder / "photos"), "--output", str(folder / "out")])
    return folder / "out"


def read(folder: Path) -> CropReport:
    return read_record(folder / "crops.json", CropReport)


def test_the_report_has_every_candidate_and_one_is_chosen(report):
    content = read(report)
    facts = content.splits["public_test"]
    assert (facts.n, list(content.splits)) == (40, ["public_test", "private_test"])
    assert facts.found > 30
    assert 0.3 < facts.geometry["eyes_y"][1] < 0.45 < 0.65 < facts.geometry["mouth_y"][1] < 0.85
    assert content.chosen in [row.candidate for row in content.rows]
    assert all(0 < row.scores[split].accuracy <= 1 for row in content.rows for split in content.splits)
    assert len(list(csv.DictReader((report / "crops.csv").open()))) == len(content.rows)
    page = (report / "crops.md").read_text()
    assert page.count("| **") == 1
    assert page.count(" x box") + page.count(" x eyes to mouth") == len(content.rows)
    assert read_photo(report / "crops.png").shape[2] == 3


def test_a_crop_far_from_fer2013s_is_classified_worse(report):
    """On both splits together: forty images of one are too few."""
    losses = {row.candidate: sum(score.loss for score in row.scores.values()) for row in read(report).rows}
    assert losses[Candidate("box", False, 1.4, 0.0)] > losses[CHOSEN] + 0.1


def test_the_photo_with_a_known_expression(report):
    chosen = next(row.photos for row in read(report).rows if row.candidate == CHOSEN)
    assert (chosen.photos, chosen.labelled) == (1, 1)
    assert chosen.probability > 0.5
    assert 0 <= chosen.unsteadiness < 0.5
    assert 0 < chosen.misplacement < 0.15


def test_the_committed_page_is_made_of_the_committed_rows(root: Path, tmp_path: Path):
    folder = root / "artifacts/reports/crops"
    assert to_markdown(read(folder)) == (folder / "crops.md").read_text()
    write_csv(tmp_path / "made.csv", read(folder).rows)
    assert (tmp_path / "made.csv").read_text() == (folder / "crops.csv").read_text()


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
