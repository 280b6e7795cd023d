"""Predictions adapted to other populations, of the smallest model on the bundled test images."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.__main__ import main
from benchmarks.studies.populations.measure import OTHER_RATERS, POPULATIONS
from benchmarks.studies.populations.rows import PRIORS, Populations
from benchmarks.table import read_record
from fer_zoo.zoo import artifacts_dir


def test_known_frequencies_help_where_they_are_others(tmp_path: Path) -> None:
    assert main(["populations", "--models", "fernet_nano", "--output", str(tmp_path)]) == 0
    record = read_record(tmp_path / "populations.json", Populations)
    rows = {(row.population, row.prior): row for row in record.rows}
    assert set(rows) == {(population, prior) for population in (*POPULATIONS, OTHER_RATERS) for prior in PRIORS}
    for population in ("balanced", "mostly happy", "distress", OTHER_RATERS):
        known, training = rows[population, "known"], rows[population, "training"]
        assert known.accuracy > training.accuracy
        assert known.nll < training.nll
    assert rows["balanced", "known"].accuracy == pytest.approx(rows["balanced", "uniform"].accuracy, abs=0.005)
    published = read_record(artifacts_dir() / "reports" / "populations.json", Populations)
    for row in published.rows:
        if row.model == "fernet_nano" and row.sha256 == rows["balanced", "known"].sha256:
            assert rows[row.population, row.prior].accuracy == pytest.approx(row.accuracy, abs=0.003)
    assert "## Mostly happy, 3,000 images" in (tmp_path / "populations.md").read_text()
    assert (tmp_path / "populations.png").stat().st_size > 1000
