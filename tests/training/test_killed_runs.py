"""Whatever a killed run leaves, the command that the next message names goes on with it or replaces it."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from fer_zoo.files import write_json
from fer_zoo.training.config import TrainingConfig
from fer_zoo.training.run_folder import is_finished

Command = Callable[..., CompletedProcess[str]]


@pytest.fixture(scope="module")
def data(part_of_bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return part_of_bundle(tmp_path_factory.mktemp("data") / "small.zip", 120)


@pytest.fixture(scope="module")
def train(data: Path, command: Command) -> Command:
    """Two epochs of a small network, with recalibration and calibration after them, in this process."""

    def run(folder: Path, *options: str) -> CompletedProcess[str]:
        return command(
            "fer_zoo.train",
            *("--model", "fernet_nano", "--epochs", "2", "--batch-size", "16", "--precision", "float32"),
            *("--renew-statistics", "--calibrate", "--data", data, "--output", folder, *options),
        )

    return run


def _killing(*arguments: object, **options: object) -> None:
    raise KeyboardInterrupt


def _weights(folder: Path) -> bytes:
    with zipfile.ZipFile(folder / "model.keras") as archive:
        return archive.read("model.weights.h5")


def test_a_run_killed_anywhere_goes_on(
    train: Command, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("keras")
    from fer_zoo.training import loop as run

    whole, folder = tmp_path / "whole", tmp_path / "killed"
    assert train(whole).returncode == 0
    assert is_finished(whole)

    def resume() -> CompletedProcess[str]:
        return command("fer_zoo.train", "--resume", folder)

    def killed(function: str, resuming: bool = True) -> set[str]:
        """What is there after a run that was killed where it calls `function`."""
        with monkeypatch.context() as patch:
            patch.setattr(run, function, _killing)
            done = resume() if resuming else train(folder)
        assert done.returncode == 130
        assert f"go on with: python -m fer_zoo.train --resume {folder}" in done.stdout
        assert not is_finished(folder)
        return {path.name for path in folder.iterdir()}

    assert killed("_fit", resuming=False) == {"config.json"}
    assert "best.keras" in killed("save_checkpoint", resuming=False)
    assert not (folder / "checkpoint.npz").exists()
    again = train(folder)
    assert again.returncode == 2
    assert f"--resume {folder}" in again.stderr
    assert "model.keras" in killed("write_report")
    assert "evaluation.json" in killed("mark_finished")
    (folder / "best.keras").unlink()
    done = resume()
    assert done.returncode == 0, done.stderr
    assert {path.name for path in folder.iterdir()} == {path.name for path in whole.iterdir()}
    assert _weights(folder) == _weights(whole)

    done = resume()
    assert done.returncode == 2
    assert "has finished" in done.stderr
    again = train(folder)
    assert again.returncode == 2
    assert "--overwrite" in again.stderr
    monkeypatch.setattr(run, "_fit", _killing)
    train(folder, "--seed", "7", "--overwrite")
    assert not is_finished(folder)
    assert TrainingConfig.load(folder / "config.json").seed == 7


def test_runs_of_earlier_versions_are_finished_without_a_checkpoint(tmp_path: Path) -> None:
    write_json(tmp_path / "config.json", {})
    (tmp_path / "model.keras").touch()
    assert is_finished(tmp_path)
    (tmp_path / "checkpoint.npz").touch()
    assert not is_finished(tmp_path)
