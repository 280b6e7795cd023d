"""The README's table is the report's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.readme import updated
from fer_zoo.errors import FerZooError


def test_the_readme_agrees_with_the_committed_reports(root: Path) -> None:
    readme = (root / "README.md").read_text()
    assert updated(readme, root / "artifacts") == readme
    assert "**baseline_cnn**" in readme


def test_a_table_of_ours_peers_and_published_models_is_sorted_by_accuracy(root: Path, tmp_path: Path) -> None:
    reports = tmp_path / "reports"
    reports.mkdir()
    (reports / "report.json").write_text((root / "artifacts" / "reports" / "report.json").read_text())
    peer = {
        "model": "some peer",
        "family": "peer",
        "runtime": "onnxruntime",
        "seen": "chosen",
        "params": 58_423,
        "evaluation": {"accuracy": 0.99},
        "latency": [{"p50_ms": 1.25}],
    }
    (reports / "peers.json").write_text(
        json.dumps({"machine": {"cpu": "Another CPU"}, "rows": [peer, peer | {"runtime": "litert"}]})
    )
    readme = updated("<!-- results -->\n<!-- /results -->", tmp_path)
    names = [line.split("|")[1].strip() for line in readme.splitlines() if line.startswith("| ")]
    assert names[2] == "some peer ¹"
    assert names.count("some peer ¹") == 1
    assert names.index("**baseline_cnn**") < names.index("original baseline CNN ³")
    assert "58,423 | 99.00 % |  | 1.25 ms" in readme
    assert "(peers: Another CPU)" in readme


def test_eight_expressions_come_last_and_are_marked(root: Path, tmp_path: Path) -> None:
    report = json.loads((root / "artifacts" / "reports" / "report.json").read_text())
    for artifact in report["artifacts"]:
        if artifact["model"] == "fernet_tiny":
            artifact |= {"model": "fernet_tiny_ferplus", "classes": 8}
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "report.json").write_text(json.dumps(report))
    lines = updated("<!-- results -->\n<!-- /results -->", tmp_path).splitlines()
    rows = [line for line in lines if line.startswith("| ")]
    assert rows[-1].startswith("| **fernet_tiny_ferplus** ⁴ | 180,807")
    assert any("[ESR-9](https://arxiv.org/abs/2001.06338) ³ ⁴ |  |  | 87.15 %" in row for row in rows[-5:])
    assert any("⁴ FER+'s eight expressions" in line for line in lines)


def test_a_readme_without_marks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FerZooError, match="results"):
        updated("# title", tmp_path)


def test_without_a_report_there_is_no_table(tmp_path: Path) -> None:
    with pytest.raises(FerZooError, match=r"report\.json"):
        updated("<!-- results -->\n<!-- /results -->", tmp_path)
