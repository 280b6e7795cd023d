"""`python -m benchmarks serve`: the load on a real server, also beside hostile clients."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.__main__ import main
from benchmarks.serving.rows import ServingReport
from benchmarks.table import read_record
from fer_zoo.console import run

pytest.importorskip("uvicorn")


def test_no_good_request_is_lost_beside_hostile_clients(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    load = ["--connections", "2", "--requests", "8", "--rounds", "1", "--hostile", "6", "--output", str(tmp_path)]
    assert run(main, ["serve", *load, "--options", "--model", "fernet_nano:onnx:int8"]) == 0
    report = read_record(tmp_path / "serving.json", ServingReport)
    assert [(r.connections, r.hostile, r.requests, r.failed) for r in report.rows] == [(2, 0, 8, 0), (2, 6, 8, 0)]
    assert all(0 < row.p50_ms <= row.p99_ms for row in report.rows)
    assert all(row.requests_per_second > 0 and row.first_bytes > 1e7 for row in report.rows)
    assert "640x480 pixels" in (tmp_path / "serving.md").read_text()
    assert (tmp_path / "serving.png").stat().st_size > 1000
    assert "requests/s" in capsys.readouterr().out


def test_broken_and_large_files_are_refused_among_photos(tmp_path: Path) -> None:
    load = ["--connections", "2", "--requests", "4", "--rounds", "2", "--mixed", "400", "--output", str(tmp_path)]
    assert run(main, ["serve", *load, "--options", "--model", "fernet_nano:onnx:int8"]) == 0
    row = read_record(tmp_path / "serving.json", ServingReport).rows[-1]
    assert (row.mixed, row.connections, row.requests, row.failed) == (True, 200, 400, 0)
    assert "| mixed |" in (tmp_path / "serving.md").read_text()


def test_a_folder_that_is_no_checkout(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(main, ["serve", "--checkout", str(tmp_path)]) == 2
    assert "is no checkout of fer_zoo" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--requests", "--mixed"])
def test_fewer_requests_than_rounds(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(main, ["serve", option, "2", "--rounds", "4"]) == 2
    assert f"{option} 2 cannot be cut into --rounds 4" in capsys.readouterr().err
