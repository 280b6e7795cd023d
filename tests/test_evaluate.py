from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fer_zoo.cli.evaluate import main
from fer_zoo.console import run
from fer_zoo.contract import EXPRESSIONS
from fer_zoo.data import load_dataset
from fer_zoo.inference import load_classifier

pytestmark = pytest.mark.usefixtures("undrawn")


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    random = np.random.default_rng(0)
    for label in EXPRESSIONS:
        for name in ("train/{}/Training_1", "test/{}/PublicTest_1", "test/{}/PublicTest_2", "test/{}/PrivateTest_3"):
            path = folder / f"{name.format(label)}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(random.integers(0, 256, (48, 48), dtype=np.uint8)).save(path)
    return folder


@pytest.mark.parametrize("suffix", ["onnx", "tflite", "keras"])
def test_every_format_is_measured_alike(model_files, data, tmp_path, capfd, suffix):
    model = model_files / f"model.{suffix}"
    code = run(main, [str(model), "--data", str(data), "--batch-size", "4", "--output", str(tmp_path / "report")])
    assert code == 0
    assert "evaluation.md" in capfd.readouterr().out
    content = json.loads((tmp_path / "report" / "evaluation.json").read_text())
    test = load_dataset(data).subset("test")
    predictions = load_classifier(model_files / "model.onnx").predict_proba(test.images).argmax(axis=1)
    assert content["splits"]["test"]["accuracy"] == (predictions == test.labels).mean()
    assert {split: measures["n"] for split, measures in content["splits"].items()} == {
        "test": 21,
        "public_test": 14,
        "private_test": 7,
    }
    assert content["details"]["model"] == str(model)
    assert ("backend" in content["details"]) == (suffix == "keras")


@pytest.mark.parametrize("suffix", ["onnx", "tflite", "keras"])
def test_eight_expressions_are_held_against_the_majority_of_ferplus(model_files, tmp_path, capfd, suffix):
    model = model_files / f"eight.{suffix}"
    assert run(main, [str(model), "--output", str(tmp_path / "report")]) == 0
    splits = json.loads((tmp_path / "report" / "evaluation.json").read_text())["splits"]
    assert {name: split["n"] for name, split in splits.items()} == {
        "test": 6352,
        "public_test": 3199,
        "private_test": 3153,
    }
    assert splits["private_test"]["per_class"]["contempt"]["support"] == 16
    text = (tmp_path / "report" / "evaluation.md").read_text()
    assert "| contempt |" in text
    assert "original" not in text


def test_without_output_the_report_goes_below_runs(model_files, data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(main, [str(model_files / "model.onnx"), "--data", str(data)]) == 0
    assert (tmp_path / "runs" / "evaluate" / f"{model_files.name}-model.onnx" / "evaluation.json").exists()


@pytest.mark.parametrize(
    ("option", "tta", "words"),
    [(["--mirror"], "mirror", "mirror image"), (["--tta", "ten-crop"], "ten-crop", "mean of ten crops")],
)
def test_test_time_augmentation(model_files, data, tmp_path, monkeypatch, option, tta, words):
    monkeypatch.chdir(tmp_path)
    assert run(main, [str(model_files / "model.onnx"), "--data", str(data), *option]) == 0
    folder = tmp_path / "runs" / "evaluate" / f"{model_files.name}-model.onnx-{tta}"
    test = load_dataset(data).subset("test")
    answers = load_classifier(model_files / "model.onnx").predict_proba(test.images, tta=tta)
    accuracy = json.loads((folder / "evaluation.json").read_text())["splits"]["test"]["accuracy"]
    assert accuracy == (answers.argmax(axis=1) == test.labels).mean()
    assert words in (folder / "evaluation.md").read_text()


@pytest.mark.parametrize(
    ("model", "data_path", "code", "words"),
    [
        ("none.onnx", None, 2, "there is no model"),
        ("input_64.onnx", None, 1, "takes images of shape"),
        ("other_labels.onnx", None, 2, "no images of the class contempt, b, c, d, e, f, g; there are angry"),
        ("model.onnx", "/nowhere", 2, "/nowhere"),
    ],
)
def test_bad_input_is_one_sentence_and_leaves_nothing(
    model_files, data, tmp_path, capfd, model, data_path, code, words
):
    output = tmp_path / "report"
    arguments = [str(model_files / model), "--data", data_path or str(data), "--output", str(output)]
    assert run(main, arguments) == code
    stdout, stderr = capfd.readouterr()
    assert stdout == ""
    errors = [line for line in stderr.splitlines() if not line.startswith("only one image in ")]
    assert len(errors) == 1
    assert words in errors[0]
    assert not output.exists()


def test_the_report_of_a_run_is_not_replaced(model_files, data, tmp_path, capfd):
    (tmp_path / "config.json").write_text("{}")
    assert run(main, [str(model_files / "model.onnx"), "--data", str(data), "--output", str(tmp_path)]) == 2
    assert "holds a model with a report of its own; choose another --output" in capfd.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["config.json"]


def test_a_measuring_library_that_is_missing_names_the_command(model_files, monkeypatch, capfd):
    import importlib.util

    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "sklearn" else found(name))
    assert run(main, [str(model_files / "model.onnx")]) == 2
    assert "pip install 'fer-zoo[benchmark]'" in capfd.readouterr().err


def test_another_population(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    assert run(main, ["fernet_nano:onnx:int8", "--prior", "estimate"]) == 0
    folder = tmp_path / "runs" / "evaluate" / "fernet_nano-model.int8.onnx-estimate"
    content = json.loads((folder / "evaluation.json").read_text())
    assert content["details"]["prior"] == "estimate"
    assert content["splits"]["test"]["accuracy"] > 0.66
    assert run(main, ["fernet_nano:onnx:int8", "--prior", "evenly"]) == 2
    assert "there is no prior 'evenly'" in capfd.readouterr().err
