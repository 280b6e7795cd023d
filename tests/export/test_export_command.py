"""Bad input, and gates that are missed: one sentence, exit code, nothing published."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import pytest
from commands import run_command

from export.__main__ import main
from fer_zoo.errors import UsageError
from fer_zoo.zoo import load_manifest, update_manifest


def export_damaged(arguments: list[str]) -> subprocess.CompletedProcess[str]:
    """Export with int8 weights of the last layer turned round, as a bad quantizer could."""
    import onnx
    from onnx import numpy_helper

    from export import publish

    quantize = publish.onnx_int8

    def damaged(prepared: object, path: Path, images: object) -> None:
        quantize(prepared, path, images)
        model = onnx.load(path)
        for tensor in model.graph.initializer:
            if list(tensor.dims) == [256, 7]:
                tensor.CopyFrom(numpy_helper.from_array(-numpy_helper.to_array(tensor), tensor.name))
        onnx.save(model, path)

    with patch.object(publish, "onnx_int8", damaged):
        return run_command("export", arguments, {})


@pytest.mark.slow
def test_a_missed_gate_publishes_nothing(made: Path, on_backend, tmp_path: Path) -> None:
    arguments = ["--data", made / "small.zip", "--output", tmp_path / "art" / "model", "--formats", "onnx"]
    arguments = [made / "run" / "model.keras", *arguments, "--calibration", "16"]
    done = on_backend("tensorflow", export_damaged, list(map(str, arguments)))
    assert done.returncode == 1
    assert "nothing was published, parity gates are missed: model.int8.onnx: accuracy_delta is" in done.stderr
    assert done.stdout.count("MISSED") == 1
    assert "Traceback" not in done.stderr
    assert list((tmp_path / "art").iterdir()) == []


@pytest.mark.slow
def test_a_new_model_may_not_leave_old_files_beside_it(exported, command, tmp_path: Path) -> None:
    other = tmp_path / "model.keras"
    other.write_bytes((exported.run / "model.keras").read_bytes())
    with other.open("ab") as file:
        file.write(b"\0")  # A zip may have a tail: the same model with another checksum.
    before = load_manifest(exported.artifacts)
    arguments = ("--data", exported.data, "--output", exported.folder, "--formats", "onnx")
    done = command("export", other, *arguments, backend="tensorflow")
    assert done.returncode == 2
    assert "would keep baseline_cnn/model.tflite" in done.stderr
    assert load_manifest(exported.artifacts) == before


@pytest.mark.slow
def test_a_file_made_anew_leaves_the_others_on_the_card(exported, command, tmp_path: Path) -> None:
    shutil.copytree(exported.artifacts, tmp_path / "artifacts")
    folder = tmp_path / "artifacts" / "baseline_cnn"
    card, paths = (folder / "README.md").read_text(), [a.path for a in load_manifest(tmp_path / "artifacts")]
    leave_out = ("--formats", "tflite", "--leave-out", "tflite:fp32", "tflite:int8")
    arguments = ("--data", exported.data, "--output", folder, "--calibration", 32)
    done = command("export", folder / "model.keras", *arguments, *leave_out, backend="tensorflow")
    assert done.returncode == 0, done.stderr
    assert (folder / "README.md").read_text() == card
    assert [a.path for a in load_manifest(tmp_path / "artifacts")] == paths
    # One that git leaves out may not be there.
    large = [replace(a, shipped=False) for a in load_manifest(tmp_path / "artifacts") if a.path.endswith("model.onnx")]
    update_manifest(large, tmp_path / "artifacts")
    (folder / "model.onnx").unlink()
    done = command("export", folder / "model.keras", *arguments, *leave_out, backend="tensorflow")
    assert done.returncode == 0, done.stderr
    assert "[model.onnx](model.onnx)" in (folder / "README.md").read_text()
    assert (folder / ".gitignore").read_text() == "/model.onnx\n"


@pytest.mark.slow
def test_models_that_do_not_fit(made: Path, model_files: Path, command, tmp_path: Path) -> None:
    content = (made / "run" / "model.keras").read_bytes()
    (tmp_path / "text.keras").write_text("not a model")
    (tmp_path / "cut.keras").write_bytes(content[: len(content) // 2])
    cases = {
        tmp_path / "text.keras": "is not a Keras model that can be loaded",
        tmp_path / "cut.keras": "is not a Keras model that can be loaded",
        model_files / "input_rgb.keras": "maps (None, 48, 48, 3) to (None, 7); the zoo's models map (None, 48, 48, 1)",
    }
    for path, message in cases.items():
        done = command("export", path, "--output", tmp_path / "art" / "model", backend="tensorflow")
        assert done.returncode == 1
        assert message in done.stderr
        assert "Traceback" not in done.stderr
        assert not (tmp_path / "art").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.keras"], "nowhere.keras does not exist"),
        (["nowhere.keras", "--formats", "coreml"], "--formats is 'coreml'"),
        (["nowhere.keras", "--formats", ""], "--formats is ''"),
        (["nowhere.keras", "--calibration", "0"], "--calibration is 0"),
    ],
)
def test_wrong_arguments(arguments: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        main(arguments)


def test_a_missing_package_names_the_pip_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "tensorflow" else find(name))
    with pytest.raises(UsageError, match=r"export needs tensorflow; run `pip install 'fer-zoo\[export\]'`"):
        main([str(tmp_path)])
