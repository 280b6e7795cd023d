"""What is recorded of every epoch: tables always, the drawing twice a minute and at the end."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from fer_zoo.training.curves import plot_curves
from fer_zoo.training.history import EpochRecord, write_history


def _entry(epoch: int) -> EpochRecord:
    return EpochRecord(epoch, None, 1.0, 0.1, 1 / epoch, 0.5, 1 / epoch, 0.4, 0.3)


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
    plot_curves([_entry(1), _entry(2), _entry(3)], curves)
    assert curves.read_bytes() != second


def test_one_epoch_is_visible(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from matplotlib.figure import Figure

    drawn: list[Figure] = []
    monkeypatch.setattr("fer_zoo.training.curves.save_png", lambda figure, path: drawn.append(figure))
    plot_curves([_entry(1)], tmp_path / "one.png")
    plot_curves([_entry(1), _entry(2)], tmp_path / "two.png")
    one, two = ([line.get_marker() for line in figure.axes[0].lines[:2]] for figure in drawn)
    assert one == ["o", "o"]
    assert two == ["None", "None"]
