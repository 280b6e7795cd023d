"""Whatever a killed run leaves, the command that the next message names goes on with it or replaces it."""

from __future__ import annotations

import errno
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from unittest.mock import Mock

import pytest

from fer_zoo.files import write_json
from fer_zoo.training.config import TrainingConfig
from fer_zoo.training.run_folder import is_finished

Command = Callable[..., CompletedProcess[str]]

pytestmark = pytest.mark.usefixtures("undrawn")


@pytest.fixture(scope="module")
def data(part_of_bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return part_of_bundle(tmp_path_factory.mktemp("data") / "small.zip", 120)


@pytest.fixture(scope="module")
def train(data: Path, command: Command) -> Command:
    """Two epochs of a small network, with recalibration and calibration after them, in this process."""

    def run(folder: Path, *options: str) -> CompletedProcess[str]:
        return command(
            "fer_zoo.train",
            *("--model", "baseline_cnn", "--epochs", "2", "--batch-size", "16", "--precision", "float32"),
            *("--recalibrate-batch-norm", "--calibrate", "--data", data, "--output", folder, *options),
        )

    return run


def _killing(*arguments: object, **options: object) -> None:
    raise KeyboardInterrupt


def _weights(folder: Path) -> bytes:
    with zipfile.ZipFile(folder / "model.keras") as archive:
        return archive.read("model.weights.h5")


@pytest.mark.slow
def test_a_run_killed_anywhere_goes_on(
    train: Command, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("keras")
    from fer_zoo.training import loop as run
    from fer_zoo.training.checkpoint import Checkpoint

    whole, folder = tmp_path / "whole", tmp_path / "killed"
    assert train(whole).returncode == 0
    assert is_finished(whole)

    def resume() -> CompletedProcess[str]:
        return command("fer_zoo.train", "--resume", folder)

    def killed(function: str, resuming: bool = True, owner: object = run) -> set[str]:
        """What is there after a run that was killed where it calls `function`."""
        with monkeypatch.context() as patch:
            patch.setattr(owner, function, _killing)
            done = resume() if resuming else train(folder)
        assert done.returncode == 130, done.stderr
        assert f"go on with: python -m fer_zoo.train --resume {folder}" in done.stdout
        assert not is_finished(folder)
        return {path.name for path in folder.iterdir()}

    assert killed("fit_network", resuming=False) == {"config.json"}
    assert "best.keras" in killed("_write", resuming=False, owner=Checkpoint)
    assert not (folder / "checkpoint.npz").exists()
    again = train(folder)
    assert again.returncode == 2
    assert f"--resume {folder}" in again.stderr
    assert "model.keras" not in killed("recalibrate_if_better")
    best = (folder / "best.keras").read_bytes()
    assert "model.keras" not in killed("calibrate")
    assert "model.keras" in killed("write_report")
    assert "evaluation.json" in killed("mark_finished")
    assert (folder / "best.keras").read_bytes() == best, "it is recalibrated and calibrated in memory only"
    assert _weights(folder) == _weights(whole)
    (folder / "best.keras").unlink()
    done = resume()
    assert done.returncode == 0, done.stderr
    assert {path.name for path in folder.iterdir()} == {path.name for path in whole.iterdir()}
    assert _weights(folder) == _weights(whole)
    reports = [json.loads((path / "evaluation.json").read_text())["splits"] for path in (folder, whole)]
    assert reports[0] == reports[1]

    done = resume()
    assert done.returncode == 2
    assert "has finished" in done.stderr
    (folder / "best.keras").touch()
    again = train(folder)
    assert again.returncode == 2
    assert "--overwrite" in again.stderr
    assert not (folder / "best.keras").exists()
    monkeypatch.setattr(run, "fit_network", _killing)
    train(folder, "--seed", "7", "--overwrite")
    assert not is_finished(folder)
    assert TrainingConfig.load(folder / "config.json").seed == 7
    assert {path.name for path in folder.iterdir()} & {"model.keras", "evaluation.json", "history.json"} == set()


def test_a_full_disk_is_no_end(train: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("keras")
    from fer_zoo.training import loop as run

    monkeypatch.setattr(run, "fit_network", Mock(side_effect=OSError(errno.ENOSPC, "No space left on device")))
    done = train(tmp_path / "run")
    assert done.returncode == 1
    assert "the disk is full" in done.stderr
    assert f"go on with: python -m fer_zoo.train --resume {tmp_path / 'run'}" in done.stdout


def test_two_runs_do_not_write_to_one_folder(train: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("keras")
    from fer_zoo.training import loop as run

    folder = tmp_path / "run"
    second: list[CompletedProcess[str]] = []

    def start_another(*arguments: object) -> None:
        monkeypatch.setattr(run, "fit_network", _killing)
        second.append(train(folder, "--overwrite"))
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "fit_network", start_another)
    assert train(folder).returncode == 130
    assert second[0].returncode == 1
    assert f"another run is writing to {folder}" in second[0].stderr
    assert train(folder).returncode == 130, "the lock ended with the run that held it"


def test_a_run_goes_on_from_another_folder_but_not_with_other_images(
    part_of_bundle: Callable[[Path, int], Path], command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("keras")
    from fer_zoo.training import loop as run

    part_of_bundle(tmp_path / "faces.zip", 120)
    folder = tmp_path / "run"
    options = ["--model", "fernet_nano", "--epochs", "1", "--data", "faces.zip", "--output", "run"]
    monkeypatch.setattr(run, "fit_network", _killing)
    assert command("fer_zoo.train", *options, folder=tmp_path).returncode == 130
    assert TrainingConfig.load(folder / "config.json").data == "faces.zip"
    assert command("fer_zoo.train", "--resume", folder).returncode == 130, "faces.zip is found beside the run"
    part_of_bundle(tmp_path / "faces.zip", 121)
    before = (folder / "config.json").read_bytes()
    done = command("fer_zoo.train", "--resume", folder)
    assert done.returncode == 2
    assert "have changed since the run in" in done.stderr
    assert (folder / "config.json").read_bytes() == before


def test_runs_of_earlier_versions_are_finished_without_a_checkpoint(tmp_path: Path) -> None:
    write_json(tmp_path / "config.json", {})
    (tmp_path / "model.keras").touch()
    assert is_finished(tmp_path)
    (tmp_path / "checkpoint.npz").touch()
    assert not is_finished(tmp_path)
