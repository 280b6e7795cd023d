"""Which quantizer is chosen, from its figures alone, and the page of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.studies.quantizers.page import to_markdown, verdict
from benchmarks.studies.quantizers.rows import QuantizerRow, QuantizerStudy
from benchmarks.table import read_record, write_csv
from export.__main__ import main as export
from fer_zoo.errors import UsageError

FIRST = QuantizerRow("first", "onnx", False, "", 28_000, 0.28, -0.001, (-0.002, 0.001), 0.5, 0.95, 4e-3, 0.01)
OURS = replace(FIRST, name="ours", ours=True, share=0.27, kl=7e-4, agreement=0.989)
LARGE = replace(FIRST, name="large", share=0.5, kl=1e-4, agreement=0.999)


def test_the_least_divergence_of_the_small_files_wins_and_larger_ones_are_named():
    sentence = verdict([FIRST, OURS, LARGE], "onnx")
    assert sentence.startswith("**onnx: ours.**")
    assert "KL 7.0e-04, agreement 98.90 %; next is first with 4.0e-03 and 95.00 %" in sentence
    assert "Closer, but larger: large, KL 1.0e-04 at 50 % of float32" in sentence
    assert "Closer" not in verdict([FIRST, OURS], "onnx")
    assert verdict([LARGE], "onnx") == "No onnx file is below 31 % of float32."


def test_the_committed_page_is_made_of_the_committed_rows(root: Path, tmp_path: Path):
    folder = root / "artifacts/experiments/quantizers"
    study = read_record(folder / "baseline_cnn.json", QuantizerStudy)
    assert study is not None
    assert to_markdown(study, "baseline_cnn.png") == (folder / "baseline_cnn.md").read_text()
    write_csv(tmp_path / "made.csv", study.rows)
    assert (tmp_path / "made.csv").read_text() == (folder / "baseline_cnn.csv").read_text()


def test_page():
    study = QuantizerStudy("m", "0", 3589, 512, "f", ("broken (tflite): no",), (FIRST, OURS))
    page = to_markdown(study, "m.png")
    assert "| onnx | **ours** | -0.10 | -0.20 to +0.10 | 98.90 % | 7.0e-04 |" in page
    assert "- Failed: broken (tflite): no" in page


def test_the_old_command_names_the_new_one():
    with pytest.raises(UsageError, match="fer-zoo benchmark quantizers"):
        export(["compare-quantizers", "model.keras"])
