from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from fer_zoo.contract import EXPRESSIONS
from fer_zoo.data import Dataset, TrainingData, load_dataset
from fer_zoo.data.training_data import OWN, SAMPLE
from fer_zoo.errors import FerZooError
from fer_zoo.evaluation import original, write_report
from fer_zoo.evaluation.figures import _distinct
from fer_zoo.png import save_png

PLOTS = {"confusion.png", "per_class.png", "reliability.png", "predictions.png", "confused_pairs.png"}

pytestmark = pytest.mark.usefixtures("undrawn")


@pytest.fixture
def dataset() -> Dataset:
    random = np.random.default_rng(0)
    return Dataset(
        images=random.integers(0, 256, (70, 48, 48), dtype=np.uint8),
        labels=np.arange(70) % 7,
        splits=np.where(np.arange(70) < 42, "public_test", "private_test"),
        names=np.array([f"row {i}" for i in range(70)]),
        source="somewhere",
        fingerprint="abc",
    )


@pytest.fixture
def probabilities() -> np.ndarray:
    return np.random.default_rng(1).dirichlet(np.ones(7), 70).astype(np.float32)


def test_a_report_has_every_file_and_every_split(dataset, probabilities, tmp_path, monkeypatch):
    monkeypatch.undo()  # These plots are drawn.
    evaluations = write_report(tmp_path / "new", "a model", dataset, probabilities, {"runtime": "litert"})
    assert {split: evaluation.n for split, evaluation in evaluations.items()} == {
        "test": 70,
        "public_test": 42,
        "private_test": 28,
    }
    assert {path.name for path in (tmp_path / "new").iterdir()} == PLOTS | {"evaluation.json", "evaluation.md"}
    content = json.loads((tmp_path / "new" / "evaluation.json").read_text())
    assert content["splits"] == json.loads(json.dumps({s: e.to_json() for s, e in evaluations.items()}))
    assert content["details"] == {"data": "somewhere", "runtime": "litert"}
    for name in PLOTS:
        with Image.open(tmp_path / "new" / name) as image:
            assert min(image.size) > 400
            assert np.asarray(image.convert("L")).std() > 5


def test_the_original_stands_beside_models_of_the_full_set_alone(dataset, probabilities, tmp_path):
    sample = load_dataset()
    test = sample.subset("test")
    certain = np.eye(7, dtype=np.float32)[test.labels]
    write_report(tmp_path / "full", "a model", test, certain)
    text = (tmp_path / "full" / "evaluation.md").read_text()
    assert text.startswith("# Evaluation of a model\n\n**100.0 %** of 7,178 test images")
    assert "published 59.3 % on 7,178: +40.7 points" in text
    assert "| fear | 1,024 | 1.00 | 1.00 | 1.00 | 0.38 | 0.38 | 0.38 | +0.62 |" in text
    assert all(f"({name})" in text for name in PLOTS - {"confused_pairs.png"})
    data = TrainingData.of(SAMPLE, sample, sample.subset("train"), sample.subset("public_test"))
    write_report(tmp_path / "sample", "a model", test, certain, trained_on=data)
    write_report(tmp_path / "own", "a model", dataset, probabilities)
    for name in ("sample", "own"):
        text = (tmp_path / name / "evaluation.md").read_text()
        assert "original" not in text
        assert "59.3" not in text
        assert "original" not in json.loads((tmp_path / name / "evaluation.json").read_text())


def test_the_report_tells_what_the_model_was_trained_on(dataset, probabilities, tmp_path):
    held_out = TrainingData(OWN, "faces.zip", "f1", 120, {"train": 45, "held_out": 5, "test": 70}, "held_out", ())
    copies = np.arange(70) < 7
    whole = write_report(tmp_path, "a model", dataset, probabilities, trained_on=held_out, copies=copies)["test"]
    text = (tmp_path / "evaluation.md").read_text()
    assert "- training data: own images (faces.zip), 45 training images; the epoch chosen on a tenth held out" in text
    assert "The epoch was chosen on a tenth held out of train: no test image chose anything." in text
    assert "PrivateTest is the figure to quote" not in text
    assert whole.without_train_copies["n"] == 63


def test_a_model_without_mistakes_has_no_picture_of_them(dataset, probabilities, tmp_path):
    write_report(tmp_path, "wrong", dataset, probabilities)
    write_report(tmp_path, "right", dataset, np.eye(7, dtype=np.float32)[dataset.labels])
    assert not (tmp_path / "confused_pairs.png").exists()
    assert "confused_pairs.png" not in (tmp_path / "evaluation.md").read_text()
    assert "**100.0 %**" in (tmp_path / "evaluation.md").read_text()


def test_a_test_set_that_tells_no_halves_is_one_split(dataset, probabilities, tmp_path):
    whole = replace(dataset, splits=np.full(70, "test"))
    assert list(write_report(tmp_path, "a model", whole, probabilities)) == ["test"]


def test_train_images_and_a_wrong_count_are_refused_before_anything_is_written(dataset, probabilities, tmp_path):
    with pytest.raises(FerZooError, match="train images"):
        write_report(tmp_path / "a", "x", replace(dataset, splits=np.full(70, "train")), probabilities)
    with pytest.raises(FerZooError, match="70 images need as many rows of probabilities, not 69"):
        write_report(tmp_path / "b", "x", dataset, probabilities[1:])
    assert not list(tmp_path.iterdir())


def test_example_faces_are_shown_once():
    images = np.zeros((4, 48, 48), np.uint8)
    images[1] = 1
    images[3] = 3
    assert _distinct(images, np.array([2, 1, 0, 3])) == [2, 1, 3]


def test_the_original_supports_are_the_whole_test_set():
    assert tuple(original.PER_CLASS) == EXPRESSIONS
    assert sum(row["support"] for row in original.PER_CLASS.values()) == original.N
    assert original.implied_accuracy() == pytest.approx(0.6262, abs=1e-4)


def test_labels_are_shown_as_they_are_whatever_they_are(dataset, tmp_path):
    names = ("smile", "[bold]", "a|b")
    images = replace(dataset, labels=dataset.labels % 3, expressions=names)
    probabilities = np.random.default_rng(1).dirichlet(np.ones(3), 70)
    assert write_report(tmp_path, "a model", images, probabilities)["test"].n == 70
    assert r"| a\|b |" in (tmp_path / "evaluation.md").read_text()


def test_a_label_is_no_formula(tmp_path, monkeypatch):
    monkeypatch.undo()
    figure = Figure(figsize=(1, 1))
    figure.subplots().set_xticks([0], ["$x^$ half a formula"])
    save_png(figure, tmp_path / "plot.png")
    assert (tmp_path / "plot.png").stat().st_size > 200
