"""`python -m benchmarks serve`: the load on a real server, also beside hostile clients."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.__main__ import main
from fer_zoo.console import run

pytest.importorskip("uvicorn")


def test_no_good_request_is_lost_beside_hostile_clients(capsys: pytest.CaptureFixture[str]) -> None:
    load = ["--connections", "2", "--requests", "8", "--rounds", "1", "--hostile", "6"]
    assert run(main, ["serve", *load, "--options", "--model", "fernet_nano:onnx:int8"]) == 0
    rows = [line.split("│")[2:6] for line in capsys.readouterr().out.splitlines() if "│" in line]
    cells = [[cell.strip() for cell in row] for row in rows]
    assert cells == [["2", "0", "8", "0"], ["2", "6", "8", "0"]]


def test_a_folder_that_is_no_checkout(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(main, ["serve", "--checkout", str(tmp_path)]) == 2
    assert "is no checkout of fer_zoo" in capsys.readouterr().err
