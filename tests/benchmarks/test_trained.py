"""Trainings that studies use again."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import pytest

from benchmarks.studies.trained import trained
from fer_zoo import TrainingConfig, UsageError
from fer_zoo.files import write_json


def test_a_finished_run_is_used_with_its_own_settings_alone(tmp_path: Path) -> None:
    config = TrainingConfig(model="fernet_nano", epochs=6, precision="float32")
    write_json(tmp_path / "config.json", {"training": asdict(config), "finished": True})
    (tmp_path / "model.keras").touch()
    assert trained(config, tmp_path) == tmp_path / "model.keras"
    assert trained(replace(config, precision="auto"), tmp_path) == tmp_path / "model.keras"
    with pytest.raises(UsageError, match="has a run with other settings"):
        trained(replace(config, epochs=12), tmp_path)
