"""The README's table is the report's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.readme import updated
from fer_zoo.errors import FerZooError


def test_the_readme_agrees_with_the_committed_report(root: Path) -> None:
    report = json.loads((root / "artifacts" / "reports" / "report.json").read_text())
    readme = (root / "README.md").read_text()
    assert updated(readme, report) == readme
    assert "baseline_cnn onnx fp32" in readme


def test_a_readme_without_marks_is_refused() -> None:
    with pytest.raises(FerZooError, match="results"):
        updated("# title", {})
