"""`fer_zoo.train` before it trains; its example in `test_public_names.py` trains."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from fer_zoo import TrainingConfig, UsageError, train
from fer_zoo.files import write_json
from fer_zoo.training.run_folder import settings_to_resume


def test_settings_of_another_type_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="the settings must be a TrainingConfig, not dict"):
        train({"epochs": 1}, tmp_path)  # type: ignore[arg-type]


def test_a_run_with_other_settings_is_not_gone_on_with(tmp_path: Path) -> None:
    config = TrainingConfig(model="fernet_nano", epochs=1)
    write_json(tmp_path / "config.json", {"training": asdict(config)})
    with pytest.raises(UsageError, match="has a run with other settings; give another folder"):
        train(replace(config, seed=7), tmp_path)
    with pytest.raises(UsageError, match="has a run with other settings; give another folder"):
        train(replace(config, precision="float32"), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["config.json"]


def test_auto_is_the_precision_that_a_resumed_run_began_with(tmp_path: Path) -> None:
    """A run that moves to another machine keeps its precision."""
    config = TrainingConfig(model="fernet_nano", epochs=1)
    for began in ("float32", "bfloat16"):
        write_json(tmp_path / "config.json", {"training": asdict(replace(config, precision=began))})
        assert settings_to_resume(tmp_path, config).precision == began


def test_it_prints_nothing_records_itself_and_goes_on_from_another_folder(
    part_of_bundle: Callable[[Path, int], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip("keras")
    from fer_zoo.backend import select_backend
    from fer_zoo.training import loop

    def stop(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(loop, "fit_network", stop)
    part_of_bundle(tmp_path / "faces.zip", 120)
    config = TrainingConfig(model="fernet_nano", backend=select_backend(), data="faces.zip", epochs=1)
    for folder, data in ((tmp_path, "faces.zip"), (tmp_path / "run", "../faces.zip")):
        folder.mkdir(exist_ok=True)
        monkeypatch.chdir(folder)
        with pytest.raises(KeyboardInterrupt):
            train(replace(config, data=data), tmp_path / "run")
    assert capsys.readouterr() == ("", "")
    recorded = json.loads((tmp_path / "run" / "config.json").read_text())
    assert recorded["command"].startswith("fer_zoo.train(TrainingConfig(model='fernet_nano'")
    assert recorded["training"]["data"] == "faces.zip"
