"""The page that puts several machines side by side."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.report.processors import main
from fer_zoo.console import run


def test_each_machine_is_a_column_and_other_files_are_marked(root: Path, tmp_path: Path) -> None:
    latency = json.loads((root / "artifacts" / "reports" / "latency.json").read_text())
    folders = [tmp_path / "first", tmp_path / "second"]
    for folder, p50, sha in zip(folders, (0.25, 1.5), ("a", "b"), strict=True):
        row = latency["rows"][0] | {"p50_ms": p50, "batch": 1, "threads": 1}
        file = latency["artifacts"][0] | {"sha256": sha}
        folder.mkdir()
        (folder / "latency.json").write_text(json.dumps(latency | {"rows": [row], "artifacts": [file]}))
    assert run(main, [*map(str, folders), "--output", str(tmp_path)]) == 0
    page = (tmp_path / "processors.md").read_text()
    assert f"| {latency['rows'][0]['path']} | 0.250 ms | 1.50 ms * |" in page
    assert "Training" not in page


def test_folders_without_a_report_are_a_usage_error(tmp_path: Path) -> None:
    assert run(main, [str(tmp_path), "--output", str(tmp_path)]) == 2
    assert not (tmp_path / "processors.md").exists()
