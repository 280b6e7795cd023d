"""What is recorded of every epoch: tables always, the drawing twice a minute and at the end."""

from __future__ import annotations

import json
import os
from pathlib import Path

from fer_zoo.training.history import draw_history, write_history


def _entry(epoch: int) -> dict:
    measures = {"loss": 1 / epoch, "accuracy": 0.5, "selection_loss": 1 / epoch, "selection_accuracy": 0.4}
    return {"epoch": epoch, **measures}


def test_every_epoch_is_in_the_tables_and_the_drawing_waits(tmp_path: Path) -> None:
    curves = tmp_path / "curves.png"
    write_history(tmp_path, [_entry(1)])
    first = curves.read_bytes()
    write_history(tmp_path, [_entry(1), _entry(2)])
    assert curves.read_bytes() == first
    assert [entry["epoch"] for entry in json.loads((tmp_path / "history.json").read_text())] == [1, 2]
    assert len((tmp_path / "history.csv").read_text().splitlines()) == 3
    os.utime(curves, (0, 0))
    write_history(tmp_path, [_entry(1), _entry(2)])
    second = curves.read_bytes()
    assert second != first
    write_history(tmp_path, [_entry(1), _entry(2), _entry(3)])
    assert curves.read_bytes() == second
    draw_history(tmp_path)
    assert curves.read_bytes() != second
