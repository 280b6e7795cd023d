"""Which quantizer is chosen, from its figures alone, and what an earlier run leaves."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

from export.quantizer_report import Row, finished_rows, to_markdown, verdict

FIRST = Row("first", "onnx", False, "", 28_000, 0.28, -0.001, -0.002, 0.001, 0.5, 0.95, 4e-3, 0.01)
OURS = replace(FIRST, name="ours", ours=True, share=0.27, kl=7e-4, agreement=0.989)
LARGE = replace(FIRST, name="large", share=0.5, kl=1e-4, agreement=0.999)


def test_the_least_divergence_of_the_small_files_wins_and_larger_ones_are_named():
    sentence = verdict([FIRST, OURS, LARGE], "onnx")
    assert sentence.startswith("**onnx: ours.**")
    assert "KL 7.0e-04, agreement 98.90 %; next is first with 4.0e-03 and 95.00 %" in sentence
    assert "Closer, but larger: large, KL 1.0e-04 at 50 % of float32" in sentence
    assert "Closer" not in verdict([FIRST, OURS], "onnx")
    assert verdict([LARGE], "onnx") == "No onnx file is below 31 % of float32."


def test_rows_of_the_same_model_and_images_are_kept(tmp_path):
    path = tmp_path / "m.json"
    report = {"model": "m", "sha256": "0", "n": 5}
    assert finished_rows(tmp_path, report) == {}
    path.write_text(json.dumps(report | {"failed": [], "rows": [asdict(OURS)]}))
    assert finished_rows(tmp_path, report) == {("ours", "onnx"): OURS}
    assert finished_rows(tmp_path, report | {"sha256": "1"}) == {}
    path.write_text("damaged")
    assert finished_rows(tmp_path, report) == {}


def test_page():
    page = to_markdown({"model": "m", "n": 3589, "calibration_images": 512}, [FIRST, OURS], ["broken (tflite): no"])
    assert "| onnx | **ours** | -0.10 | -0.20 to +0.10 | 98.90 % | 7.0e-04 |" in page
    assert "- Failed: broken (tflite): no" in page
