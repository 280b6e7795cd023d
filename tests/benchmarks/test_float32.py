"""The float32 file of a model: the one that is there, or made anew from the Keras original."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import benchmarks.studies.float32
from benchmarks.studies.float32 import float32_file
from fer_zoo.errors import UsageError
from fer_zoo.zoo import artifacts_dir


@pytest.fixture
def without_onnx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The zoo as in a clone that leaves fernet_nano's ONNX file out."""
    manifest = json.loads((artifacts_dir() / "manifest.json").read_text())
    for entry in manifest["artifacts"]:
        entry["shipped"] &= entry["path"] != "fernet_nano/model.onnx"
    (tmp_path / "fernet_nano").mkdir()
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    shutil.copyfile(artifacts_dir() / "fernet_nano/model.keras", tmp_path / "fernet_nano/model.keras")
    monkeypatch.setenv("FER_ZOO_ARTIFACTS", str(tmp_path))
    return tmp_path


def test_a_file_that_ships_is_taken_as_it_is() -> None:
    with float32_file("fernet_nano") as path:
        assert path == artifacts_dir() / "fernet_nano/model.onnx"
    with float32_file("fernet_nano", "tflite") as path:
        assert path == artifacts_dir() / "fernet_nano/model.tflite"


def test_a_file_that_does_not_ship_is_made_for_a_while(without_onnx: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmarks.studies.float32, "_convert", lambda original, path: path.write_text(str(original)))
    with float32_file("fernet_nano") as path:
        assert path.read_text() == str(without_onnx / "fernet_nano/model.keras")
        assert path.parts[-2:] == ("fernet_nano", "model.onnx")
    assert not path.exists()


def test_without_the_original_the_command_that_makes_it_is_named(without_onnx: Path) -> None:
    (without_onnx / "fernet_nano/model.keras").unlink()
    with pytest.raises(UsageError, match="python -m export fernet_nano"), float32_file("fernet_nano"):
        pass
