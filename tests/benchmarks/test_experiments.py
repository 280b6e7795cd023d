"""Runs side by side: the figures are those of the runs, the original's stand beside them, damage is one sentence."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from benchmarks.__main__ import main
from benchmarks.experiments.page import to_markdown
from benchmarks.experiments.rows import ExperimentsReport
from benchmarks.experiments.training_run import Run
from benchmarks.table import read_record
from fer_zoo.console import run
from fer_zoo.data import load_dataset, majority_labels
from fer_zoo.data.augment import AUGMENTATIONS
from fer_zoo.errors import FerZooError
from fer_zoo.evaluation import original, write_report


@pytest.fixture
def folder(tmp_path: Path, undrawn: None) -> Path:
    """What a run of two epochs would leave, its predictions right in 6 of 10 cases."""
    folder = tmp_path / "first"
    dataset = load_dataset().subset("test")
    dataset = dataset.take(np.arange(0, len(dataset), 40))
    right = np.arange(len(dataset)) % 10 < 6
    predicted = np.where(right, dataset.labels, (dataset.labels + 1) % 7)
    write_report(folder, "first", dataset, np.eye(7, dtype=np.float32)[predicted] * 0.93 + 0.01)
    # As the report of a run on the full set, so that the original's figures stand beside it.
    evaluation = json.loads((folder / "evaluation.json").read_text())
    (folder / "evaluation.json").write_text(json.dumps(evaluation | {"original": original.to_json()}))
    training = {"backend": "jax", "precision": "float32", "learning_rate": 0.001, "schedule": "constant"}
    training |= {"augmentation": None, "class_weights": True, "model_options": []}
    (folder / "config.json").write_text(
        json.dumps({"command": "python -m fer_zoo.train --data ../a/b.zip", "training": training})
    )
    history = [
        {"epoch": e, "seconds": 60, "accuracy": 0.5 + e / 10, "selection_accuracy": s}
        for e, s in ((1, 0.62), (2, 0.58))
    ]
    (folder / "history.json").write_text(json.dumps(history))
    return folder


def test_tables_hold_the_runs_figures(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()  # These plots are drawn.
    output = tmp_path / "compared"
    assert run(main, ["experiments", str(folder), "--output", str(output)]) == 0
    (row,) = read_record(output / "runs.json", ExperimentsReport).rows
    assert row.best_epoch == 1
    assert row.minutes == 2.0
    assert row.train_accuracy == pytest.approx(0.6)
    assert row.test == pytest.approx(0.6, abs=0.01)
    (line,) = csv.DictReader((output / "runs.csv").open())
    assert float(line["test"]) == row.test
    assert float(line["test_low"]) == row.test_interval[0]
    page = (output / "README.md").read_text()
    assert "| original, of 7,178 | tensorflow |" in page
    assert "| original, of 7,178 | 0.53 |" in page
    assert f"{row.test:.2%}" in page
    assert "- first: `python -m fer_zoo.train --data b.zip`" in page
    assert "../a/" not in (output / "first" / "config.json").read_text()
    for name in ("history.json", "evaluation.json"):  # In one line each: git holds many.
        copy = (output / "first" / name).read_text()
        assert copy.count("\n") == 1
        assert json.loads(copy) == json.loads((folder / name).read_text())
    assert (output / "runs.png").stat().st_size > 10_000
    assert "(runs.png)" in page
    assert not (output / "points.png").exists()  # One run has nothing to be compared with.


def test_points_are_the_change_from_the_first_run(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()  # These plots are drawn.
    other = tmp_path / "other"
    shutil.copytree(folder, other)
    evaluation = json.loads((other / "evaluation.json").read_text())
    before = evaluation["splits"]["test"]["accuracy"]
    evaluation["splits"]["test"]["accuracy"] = before + 0.0123
    (other / "evaluation.json").write_text(json.dumps(evaluation))
    assert run(main, ["experiments", str(folder), str(other), "--output", str(tmp_path / "compared")]) == 0
    lines = (tmp_path / "compared" / "README.md").read_text().splitlines()
    place = next(line for line in lines if "points" in line).split("|").index(" points ")
    cells = {line.split("|")[1].strip(): line.split("|")[place].strip() for line in lines[:12] if line.startswith("| ")}
    assert (cells["first"], cells["other"]) == ("+0.00", "+1.23")
    assert "(points.png)" in "\n".join(lines)
    assert (tmp_path / "compared" / "points.png").stat().st_size > 5_000


def test_the_comparison_can_be_remade_from_its_own_copies(folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "compared"
    assert run(main, ["experiments", str(folder), "--output", str(output)]) == 0
    before = (output / "README.md").read_text()
    assert run(main, ["experiments", str(output / "first"), "--output", str(output)]) == 0
    assert (output / "README.md").read_text() == before


def test_a_row_says_which_settings_differ_from_the_first_run(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(folder, other)
    config = json.loads((other / "config.json").read_text())
    transfer = {"weights": "/somewhere/backbone.h5", "unfreeze": 0.3}
    config["training"] |= {"learning_rate": 1e-5, "augmentation": vars(AUGMENTATIONS["strong"]), "transfer": transfer}
    config["training"]["model_options"] = ["size=128"]
    (other / "config.json").write_text(json.dumps(config))
    first, second = (Run.load(path) for path in (folder, other))
    page = to_markdown("title", [first, second])
    expected = "learning rate 1e-05; augmentation strong; weights backbone.h5; unfreeze 0.3; size 128"
    assert f"| other | jax | {expected} |" in page
    assert "59.3%" in page
    assert "54.7%" in to_markdown("title", [second])
    second.config["averaged"] = [{"command": "one"}, {"command": "two"}]
    assert "| other | jax | the mean of 2 trainings' weights |" in to_markdown("title", [first, second])


def test_runs_of_ferplus_have_its_eight_expressions_and_no_row_of_the_original(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "eight"
    shutil.copytree(folder, other)
    dataset = majority_labels(load_dataset().subset("test"))
    dataset = dataset.take(np.arange(0, len(dataset), 40))
    write_report(other, "eight", dataset, np.eye(8, dtype=np.float32)[dataset.labels])
    page = to_markdown("title", [Run.load(other)])
    assert f"| all {len(dataset)} |" in page
    assert "surprise | contempt |" in page
    assert "original" not in page


def test_runs_on_different_labels_are_not_compared(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "eight"
    shutil.copytree(folder, other)
    evaluation = json.loads((other / "evaluation.json").read_text())
    evaluation["splits"]["test"]["per_class"]["contempt"] = evaluation["splits"]["test"]["per_class"]["angry"]
    (other / "evaluation.json").write_text(json.dumps(evaluation))
    assert run(main, ["experiments", str(folder), str(other), "--output", str(tmp_path / "compared")]) == 2
    assert "has other expressions than" in capsys.readouterr().err
    assert not (tmp_path / "compared").exists()


def test_the_original_stands_beside_no_run_of_other_images(folder: Path, tmp_path: Path) -> None:
    evaluation = json.loads((folder / "evaluation.json").read_text())
    del evaluation["original"]
    (folder / "evaluation.json").write_text(json.dumps(evaluation))
    assert "original" not in to_markdown("title", [Run.load(folder)])
    del evaluation["splits"]["public_test"]
    (folder / "evaluation.json").write_text(json.dumps(evaluation))
    with pytest.raises(FerZooError, match="images that are not of PublicTest and PrivateTest"):
        Run.load(folder)


def test_a_page_of_somebody_else_is_not_replaced(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "README.md").write_text("mine")
    assert run(main, ["experiments", str(folder), "--output", str(tmp_path)]) == 2
    assert "has a README.md that is not of a comparison; choose another --output" in capsys.readouterr().err
    assert (tmp_path / "README.md").read_text() == "mine"


def test_an_unfinished_run_is_one_sentence(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "evaluation.json").unlink()
    assert run(main, ["experiments", str(folder), "--output", str(tmp_path / "compared")]) == 1
    assert "is not a finished training run: it has no evaluation.json" in capsys.readouterr().err
    assert not (tmp_path / "compared").exists()
