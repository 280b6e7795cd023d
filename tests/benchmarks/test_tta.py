"""Test-time augmentation measured for each model."""

from __future__ import annotations

import pytest

import benchmarks.accuracy.tta
from benchmarks.accuracy.command import tta_main as main
from benchmarks.accuracy.rows import TtaReport
from benchmarks.table import read_record
from fer_zoo.data import load_dataset
from fer_zoo.inference import load_classifier


def test_each_kind_is_measured_once(zoo, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ["--data", str(zoo.data), "--artifacts", str(zoo.artifacts)]
    assert main(arguments) == 0
    rows = read_record(zoo.reports / "tta.json", TtaReport).rows
    assert [row.tta for row in rows] == ["none", "mirror", "ten-crop"]
    assert all(row.private_test is None and row.public_test == row.accuracy for row in rows)
    assert {row.path for row in rows} == {"linear/model.fp32.onnx"}
    test = load_dataset(zoo.data).subset("test")
    answers = load_classifier(zoo.artifacts / rows[0].path).predict_proba(test.images, tta="ten-crop")
    assert rows[2].accuracy == pytest.approx((answers.argmax(1) == test.labels).mean())
    assert "| linear (model.fp32.onnx) |" in (zoo.reports / "tta.md").read_text()
    assert (zoo.reports / "tta.png").stat().st_size > 1000
    monkeypatch.setattr(benchmarks.accuracy.tta, "load_classifier", None)  # Nothing is measured again.
    assert main(arguments) == 0
    assert read_record(zoo.reports / "tta.json", TtaReport).rows == rows
