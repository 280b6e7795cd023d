"""What the zoo says of its trained models, in Python and as a table."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from fer_zoo import console
from fer_zoo.cli import main as cli
from fer_zoo.contract import EXPRESSIONS, FERPLUS_EXPRESSIONS
from fer_zoo.errors import UsageError
from fer_zoo.models import list_models
from fer_zoo.zoo import find_file, load_manifest, model_info, trained_models, update_manifest


def test_every_trained_model_with_a_file_in_a_clone_is_found_by_its_name() -> None:
    every = load_manifest(absent=True)
    assert list_models(pretrained=True) == sorted({artifact.model for artifact in every})
    for name in {artifact.model for artifact in every if artifact.shipped and artifact.format == "onnx"}:
        assert find_file(name).is_file()


def test_the_facts_are_those_of_the_keras_original() -> None:
    for model in trained_models():
        original = model.files[0]
        assert original.format == "keras"
        assert (model.params, model.macs, model.license) == (original.params, original.macs, original.license)
        assert model.accuracy["private_test"] == original.metrics["private_test"]["accuracy"]
        assert model.architecture in list_models()
        assert model.labels == {"FER2013": EXPRESSIONS, "FER+": FERPLUS_EXPRESSIONS}[model.task]
        with pytest.raises(dataclasses.FrozenInstanceError):
            model.name = "other"  # type: ignore[misc]


def test_architectures_are_told_from_trained_models() -> None:
    assert model_info("mobilenet_face_ferplus").architecture == "mobilenet_face"
    assert model_info("fernet_ensemble").architecture == "ensemble"
    with pytest.raises(UsageError, match=r"no model 'resnet50'"):
        model_info("resnet50")


def test_a_model_without_a_report_has_no_latency(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text((find_file("fernet_nano").parents[1] / "manifest.json").read_text())
    monkeypatch.setenv("FER_ZOO_ARTIFACTS", str(tmp_path))
    assert model_info("fernet_nano").latency is None


def test_a_published_model_of_own_images_is_not_called_fer2013(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    artifact = model_info("fernet_nano").files[0]
    mine = dataclasses.replace(artifact, model="mine", path="mine/model.keras", task="own images")
    update_manifest([mine], tmp_path)
    monkeypatch.setenv("FER_ZOO_ARTIFACTS", str(tmp_path))
    assert model_info("mine").task == "own images"


def test_the_table_names_every_trained_model_in_80_columns(capsys: pytest.CaptureFixture[str]) -> None:
    assert console.run(cli.main, ["models"]) == 0
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 80
    rows = {line.split()[0]: line.split() for line in shown.split("\n\n")[0].splitlines()[2:]}
    assert sorted(rows) == list_models(pretrained=True)
    tiny = model_info("fernet_tiny")
    assert rows["fernet_tiny"][1:5] == ["FER2013", "7", *(f"{tiny.accuracy[s]:.2%}" for s in ("test", "private_test"))]
    accuracies = [float(row[3].rstrip("%")) for row in rows.values() if row[1] == "FER2013"]
    assert accuracies == sorted(accuracies, reverse=True)
