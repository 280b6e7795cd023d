"""The page that puts several machines side by side."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from benchmarks.__main__ import main
from benchmarks.latency.rows import LatencyReport
from benchmarks.table import read_record, write_record
from fer_zoo.console import run


def test_each_machine_is_a_column_and_other_files_are_marked(root: Path, tmp_path: Path) -> None:
    latency = read_record(root / "artifacts" / "reports" / "latency.json", LatencyReport)
    folders = [tmp_path / "first", tmp_path / "second"]
    for folder, p50, sha in zip(folders, (0.25, 1.5), ("a", "b"), strict=True):
        row = replace(latency.rows[0], p50_ms=p50, batch=1, threads=1)
        file = replace(latency.files[0], sha256=sha)
        write_record(folder / "latency.json", replace(latency, rows=(row,), files=(file,)))
    assert run(main, ["processors", *map(str, folders), "--output", str(tmp_path)]) == 0
    page = (tmp_path / "processors.md").read_text()
    assert f"| {latency.rows[0].path} | 0.250 ms | 1.50 ms * |" in page
    assert "Training" not in page


def test_folders_without_a_report_are_a_usage_error(tmp_path: Path) -> None:
    assert run(main, ["processors", str(tmp_path), "--output", str(tmp_path)]) == 2
    assert not (tmp_path / "processors.md").exists()
