"""`fer_zoo.train` before it trains; that it trains is shown by its example in `test_public_names.py`."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import pytest

from fer_zoo import TrainingConfig, UsageError, train
from fer_zoo.files import write_json


def test_settings_of_another_type_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="the settings must be a TrainingConfig, not dict"):
        train({"epochs": 1}, tmp_path)  # type: ignore[arg-type]


def test_a_run_with_other_settings_is_not_gone_on_with(tmp_path: Path) -> None:
    config = TrainingConfig(model="fernet_nano", epochs=1)
    write_json(tmp_path / "config.json", {"training": asdict(config)})
    with pytest.raises(UsageError, match="has a run with other settings; give another folder"):
        train(replace(config, seed=7), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["config.json"]
