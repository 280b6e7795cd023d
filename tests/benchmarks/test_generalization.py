"""Trainings on clear and ambiguous halves, on the bundled images and for one epoch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.studies.generalization import measure as study
from benchmarks.studies.generalization.measure import HALVES, TESTS, VARIANTS, measure
from benchmarks.studies.generalization.page import to_markdown
from benchmarks.studies.generalization.plot import plot_generalization
from benchmarks.studies.generalization.rows import Generalization, GeneralizationRow, PublishedRow
from fer_zoo.data import Dataset, load_dataset
from fer_zoo.errors import UsageError


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return load_dataset()


def test_halves_share_no_face_and_finished_runs_are_kept(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # One corruption in place of fifteen, and one published model, to save time.
    monkeypatch.setattr(study, "CORRUPTIONS", {"jpeg": None})
    settings = {"variants": ["raters' votes"], "seeds": [1], "epochs": 1, "backend": "tensorflow"}
    settings |= {"models": ["fernet_tiny"]}
    record = measure(dataset, tmp_path, **settings)
    assert 0.5 < record.agreement < 1
    assert record.agreeing_labels["clear"] > record.agreeing_labels["ambiguous"] + 0.2
    halves = [load_dataset(tmp_path / f"{half}.zip") for half in ("clear", "ambiguous")]
    assert not set(halves[0].names) & set(halves[1].names)
    for half, images in zip(("clear", "ambiguous"), halves, strict=True):
        position = {name: i for i, name in enumerate(dataset.names.tolist())}
        index = [position[name] for name in images.names.tolist()]
        np.testing.assert_array_equal(images.images, dataset.images[index])
        assert record.training_images[half] == len(images.subset("train"))
    rows = {(row.half, row.variant, row.test): row for row in record.rows if row.prior == "training"}
    assert len(rows) == 2 * len(TESTS)
    clear, ambiguous = (rows[half, "raters' votes", "own half"] for half in ("clear", "ambiguous"))
    assert rows["clear", "raters' votes", "other half"].n == ambiguous.n
    assert rows["clear", "raters' votes", "own half, corrupted"].n == clear.n
    published = {(row.model, row.half, row.prior): row for row in record.published}
    assert set(published) == {("fernet_tiny", half, prior) for half in HALVES for prior in ("training", "uniform")}
    assert published["fernet_tiny", "clear", "training"].n == clear.n
    tiny = [published["fernet_tiny", "clear", prior].macro_recall for prior in ("training", "uniform")]
    assert tiny[1] > tiny[0] + 0.02
    written = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/model.keras")}
    assert measure(dataset, tmp_path, **settings) == record
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/model.keras")} == written


def test_every_variant_differs_from_the_first_in_one_thing() -> None:
    first, *others = VARIANTS.values()
    for other in others:
        changed = {name for name in vars(first) if getattr(first, name) != getattr(other, name)}
        soft_labels = {
            "label_smoothing",
            "teachers",
            "distillation_weight",
            "augmented_views",
            "vote_weight",
            "ferplus",
        }
        assert len(changed) == 1 or changed <= soft_labels


def test_a_half_without_an_expression_is_refused(dataset: Dataset, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="pass all of FER2013 with --data"):
        measure(dataset.subset("test"), tmp_path, ["strong augmentation"], [1], 1, "tensorflow")


def test_the_page_has_changes_of_equal_seeds() -> None:
    accuracy = {("strong augmentation", 1): 0.5, ("strong augmentation", 2): 0.6}
    accuracy |= {("no augmentation", 1): 0.49, ("no augmentation", 2): 0.57}
    rows = tuple(
        GeneralizationRow(half, variant, seed, test, prior, 100, value, value, 1.0, 0.1)
        for half in ("clear", "ambiguous")
        for (variant, seed), value in accuracy.items()
        for test in TESTS
        for prior in ("training", "uniform")
    )
    published = tuple(
        PublishedRow("ours", True, half, prior, 100, 0.7 + bonus, 0.6 + bonus)
        for half in ("clear", "ambiguous")
        for prior, bonus in (("training", 0), ("uniform", 0.05))
    )
    images, agreeing = {"clear": 1200, "ambiguous": 900}, {"clear": 0.8, "ambiguous": 0.4}
    record = Generalization("faces.zip", "f", "fernet_nano", 8, 0.8, images, agreeing, rows, published)
    page = to_markdown(record)
    assert "| no augmentation | -2.0 ± 1.2 |" in page.replace("  ", " ")
    assert "55.0 % ± 7.1" in page
    assert "**ours** | 70.0 % (75.0 %) | 70.0 % (75.0 %) | 60.0 % (65.0 %)" in page
    assert len(plot_generalization(record).axes) == 2
