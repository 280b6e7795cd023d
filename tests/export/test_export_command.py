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

from export import destination
from export.__main__ import main
from export.destination import Destination, destination_of, refuse_replacing
from fer_zoo.errors import UsageError
from fer_zoo.files import sha256, write_json, write_text
from fer_zoo.inference import load_classifier
from fer_zoo.zoo import Artifact, load_manifest, manifest, update_manifest

pytestmark = pytest.mark.usefixtures("undrawn")


def export_damaged(arguments: list[str], scales: float | None = None) -> subprocess.CompletedProcess[str]:
    """Export with an int8 file damaged: its last layer's weights turned round, or every scale replaced by `scales`."""
    import numpy as np
    import onnx
    from onnx import numpy_helper

    from export import make

    quantize = make.onnx_int8

    def damaged(prepared: object, path: Path, images: object) -> None:
        quantize(prepared, path, images)
        model = onnx.load(path)
        for tensor in model.graph.initializer:
            array = numpy_helper.to_array(tensor)
            if scales is None and array.shape == (256, 7):
                tensor.CopyFrom(numpy_helper.from_array(-array, tensor.name))
            elif scales is not None and array.dtype == np.float32:
                tensor.CopyFrom(numpy_helper.from_array(np.full_like(array, scales), tensor.name))
        onnx.save(model, path)

    with patch.object(make, "onnx_int8", damaged):
        return run_command("export", arguments, {})


@pytest.mark.slow
def test_a_missed_gate_writes_nothing(made: Path, on_backend, tmp_path: Path) -> None:
    arguments = ["--data", made / "small.zip", "--output", tmp_path / "art" / "model", "--formats", "onnx"]
    arguments = [made / "run" / "model.keras", *arguments, "--calibration", "16"]
    done = on_backend("tensorflow", export_damaged, list(map(str, arguments)))
    assert done.returncode == 1
    assert "nothing was written, parity gates are missed: model.int8.onnx: accuracy_delta is" in done.stderr
    assert done.stdout.count("MISSED") == 1
    assert "Traceback" not in done.stderr
    assert list((tmp_path / "art").iterdir()) == []


@pytest.mark.slow
def test_a_file_without_answers_is_named(made: Path, on_backend, tmp_path: Path) -> None:
    arguments = ["--data", made / "small.zip", "--output", tmp_path / "art" / "model", "--formats", "onnx"]
    arguments = [made / "run" / "model.keras", *arguments, "--calibration", "16"]
    done = on_backend("tensorflow", export_damaged, list(map(str, arguments)), float("nan"))
    assert done.returncode == 1
    assert "nothing was written: model.int8.onnx gave values that are not numbers (NaN or infinite)" in done.stderr
    assert "--leave-out onnx:int8" in done.stderr
    assert list((tmp_path / "art").iterdir()) == []


@pytest.mark.slow
def test_an_export_lies_beside_its_run_and_leaves_the_zoo_alone(
    made: Path, command, root: Path, tmp_path: Path
) -> None:
    manifest = (root / "artifacts" / "manifest.json").read_bytes()
    run = shutil.copytree(made / "run", tmp_path / "run")
    arguments = ("--data", made / "small.zip", "--formats", "onnx", "--leave-out", "onnx:int8")
    for _ in range(2):  # A run's own export is made again without a question.
        done = command("export", run / "model.keras", *arguments, backend="tensorflow")
        assert done.returncode == 0, done.stderr
    folder = run / "export"
    assert f"use it: fer-zoo predict PHOTO --model {folder}" in done.stdout
    assert [a.path for a in load_manifest(folder)] == ["model.keras", "model.onnx"]
    assert load_classifier(folder).path == folder / "model.onnx"
    card = (folder / "README.md").read_text()
    assert (folder / "parity.png").read_bytes().startswith(b"\x89PNG")
    assert "(parity.png)" in card
    assert 'load_classifier("model.onnx")' in card
    assert 'load_classifier("baseline_cnn")' not in card
    assert (root / "artifacts" / "manifest.json").read_bytes() == manifest
    assert not list(run.glob(".writing-*"))


@pytest.mark.slow
def test_another_model_is_replaced_only_where_told_to(exported, command, tmp_path: Path) -> None:
    zoo = shutil.copytree(exported.artifacts, tmp_path / "artifacts")
    other = tmp_path / "model.keras"
    other.write_bytes((exported.run / "model.keras").read_bytes() + b"\0")  # The same model with another checksum.
    arguments = ("--data", exported.data, "--publish", "--formats", "onnx", "--leave-out", "onnx:int8")
    settings = {"backend": "tensorflow", "FER_ZOO_ARTIFACTS": str(zoo)}
    done = command("export", other, *arguments, **settings)
    assert done.returncode == 2
    assert "baseline_cnn holds another model, baseline_cnn; choose another --output, or pass --force" in done.stderr
    assert _content(zoo) == _content(exported.artifacts)
    assert command("export", other, *arguments, "--force", **settings).returncode == 0
    assert [a.path for a in load_manifest(zoo)] == ["baseline_cnn/model.keras", "baseline_cnn/model.onnx"]
    assert not list((zoo / "baseline_cnn").glob("*.tflite"))


@pytest.mark.slow
def test_a_name_makes_the_files_of_the_zoo_that_are_missing(exported, command, tmp_path: Path) -> None:
    zoo = shutil.copytree(exported.artifacts, tmp_path / "artifacts")
    before = _content(zoo)
    settings = {"backend": "tensorflow", "FER_ZOO_ARTIFACTS": str(zoo)}
    done = command("export", "baseline_cnn", "--data", exported.data, **settings)
    assert "every file of baseline_cnn that was asked for is in " in done.stdout
    (zoo / "baseline_cnn" / "model.onnx").unlink()
    done = command("export", "baseline_cnn", "--data", exported.data, **settings)
    assert done.returncode == 0, done.stderr
    assert "made model.onnx in " in done.stdout
    after = _content(zoo)
    # Names inside the file count on in this process, so that its hash differs; the manifest has the new one.
    assert {name for name in before if before[name] != after[name]} <= {"baseline_cnn/model.onnx", "manifest.json"}
    (entry,) = (a for a in load_manifest(zoo) if a.path == "baseline_cnn/model.onnx")
    assert entry.sha256 == sha256(zoo / entry.path)
    (published,) = (a for a in load_manifest(exported.artifacts) if a.path == entry.path)
    assert replace(entry, sha256=published.sha256, bytes=published.bytes) == published


@pytest.mark.slow
def test_a_file_made_anew_leaves_the_others_on_the_card(exported, command, tmp_path: Path) -> None:
    zoo = shutil.copytree(exported.artifacts, tmp_path / "artifacts")
    folder = zoo / "baseline_cnn"
    # One that git leaves out may not be there.
    update_manifest([replace(a, shipped=False) for a in load_manifest(zoo) if a.path.endswith("model.onnx")], zoo)
    (folder / "model.onnx").unlink()
    arguments = ("--data", exported.data, "--publish", "--calibration", 32)
    leave_out = ("--formats", "tflite", "--leave-out", "tflite:fp32", "tflite:int8")
    model = exported.run / "model.keras"
    done = command("export", model, *arguments, *leave_out, backend="tensorflow", FER_ZOO_ARTIFACTS=str(zoo))
    assert done.returncode == 0, done.stderr
    assert "[model.onnx](model.onnx)" in (folder / "README.md").read_text()
    assert (folder / ".gitignore").read_text() == "/model.onnx\n"
    assert len(load_manifest(zoo, absent=True)) == 7


def _content(folder: Path) -> dict[str, bytes]:
    """Every file of a zoo by its name, without what the test's fixture keeps beside them."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.*") if path.is_file()}


def test_an_ensemble_made_again_is_the_same_model(tmp_path: Path) -> None:
    """Its file has other bytes each time; `--force` once removed its other files, and its prior, as another model's."""
    member = {"path": "a/model.keras", "model": "a", "sha256": "a" * 64, "weight": 1.0, "fine_tuned": False}
    config = {"members": [member], "temperature": 1.2}
    source, zoo = tmp_path / "again" / "model.keras", tmp_path / "zoo"
    write_text(source, "other bytes")
    ensemble = Destination(zoo / "both", zoo)
    output = {"name": "probabilities", "labels": ["a", "b"], "prior": [0.3, 0.7]}
    entry = Artifact("both", "keras", "fp32", "both/model.keras", "0" * 64, 1, 1, 1, "jax", output=output)
    update_manifest([entry], zoo)
    for folder, settings, same in (
        (source.parent, config, False),
        (ensemble.folder, config, True),
        (ensemble.folder, config | {"temperature": 1.3}, False),
        (ensemble.folder, {"model": "both"}, False),
    ):
        write_json(folder / "config.json", settings)
        assert ensemble.holds(source) == same
    write_json(source.parent / "config.json", {"model": "both"})
    assert not ensemble.holds(source)  # Neither is an ensemble.
    assert ensemble.prior() == (0.3, 0.7)


def test_what_is_in_the_way_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    source = tmp_path / "run" / "model.keras"
    write_text(source, "model")
    beside = destination_of(source, "tiny")
    assert (beside.folder, beside.in_zoo) == (tmp_path.resolve() / "run" / "export", False)
    refuse_replacing(beside, source, force=False)
    write_text(beside.folder / "mobile" / "mobile.json", "{}")
    refuse_replacing(beside, source, force=False)
    write_text(beside.folder / "README.md", "mine")
    with pytest.raises(UsageError, match="is not empty, and what is in it was not made by export; choose another"):
        refuse_replacing(beside, source, force=False)
    refuse_replacing(beside, source, force=True)
    elsewhere = destination_of(source, "tiny", tmp_path / "other")
    entry = Artifact("tiny", "keras", "fp32", "model.keras", "0" * 64, 1, 1, 1, "jax")
    update_manifest([entry], elsewhere.folder)
    with pytest.raises(UsageError, match="other holds another model, tiny; choose another --output, or pass --force"):
        refuse_replacing(elsewhere, source, force=False)
    with monkeypatch.context() as terminal:
        asked: list[str] = []
        terminal.setattr(destination, "agreed", lambda question: asked.append(question) is None)
        refuse_replacing(elsewhere, source, force=False)
    assert asked == [f"{elsewhere.folder} holds another model, tiny. Replace it?"]
    update_manifest([replace(entry, sha256=sha256(source))], elsewhere.folder)
    refuse_replacing(elsewhere, source, force=False)


def test_nothing_is_written_into_the_installed_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(manifest, "_PACKAGE", tmp_path.resolve())
    (tmp_path / "artifacts").mkdir()
    monkeypatch.delenv("FER_ZOO_ARTIFACTS", raising=False)
    write_text(tmp_path / "artifacts" / "tiny" / "model.keras", "model")
    update_manifest([Artifact("tiny", "keras", "fp32", "tiny/model.keras", "0" * 64, 1, 1, 1, "jax")])
    for arguments in (["tiny"], [str(tmp_path / "artifacts" / "tiny" / "model.keras"), "--publish"]):
        with pytest.raises(UsageError, match=r"inside the installed package.*FER_ZOO_ARTIFACTS to a folder of yours"):
            main(arguments)


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
    model = tmp_path / "model.keras"
    model.touch()
    with pytest.raises(UsageError, match=r"export needs tensorflow; run `pip install 'fer-zoo\[export\]'`"):
        main([str(model), "--formats", "tflite"])
