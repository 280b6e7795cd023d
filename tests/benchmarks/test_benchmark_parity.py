from __future__ import annotations

import json
import types
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.options import Options
from benchmarks.parity import measure, other_runtimes
from benchmarks.parity.measure import run_parity
from benchmarks.report.page import to_markdown
from benchmarks.report.tables import of_fer2013
from benchmarks.report.write import merge
from fer_zoo.data import load_dataset
from fer_zoo.errors import FerZooError, UsageError

ORIGINAL = Path("model.keras")

pytestmark = pytest.mark.usefixtures("quick")


@pytest.fixture
def options(zoo) -> Options:
    return Options(zoo.artifacts, zoo.reports, zoo.data)


def test_exports_are_compared_with_the_original(zoo, options):
    report = run_parity(options, zoo.predict_original)
    original, fp32, int8 = report["rows"]
    assert report == json.loads((zoo.reports / "parity.json").read_text()) | {"rows": report["rows"]}
    assert report["complete"]
    assert (report["data"]["n"], report["data"]["split"]) == (42, "test")
    assert [row["status"] for row in report["rows"]] == ["reference", "passed", "passed"]
    assert "parity" not in original
    assert fp32["parity"]["argmax_agreement"] == 1
    assert fp32["parity"]["max_abs_diff"] < 1e-5
    assert 1e-5 < int8["parity"]["max_abs_diff"] < 1e-2
    assert int8["evaluation"]["accuracy"] == pytest.approx(
        original["evaluation"]["accuracy"] + int8["parity"]["accuracy_delta"]
    )
    assert fp32["reference"] == {"path": original["path"], "sha256": original["sha256"]}


def test_a_missed_gate_fails_only_its_row(zoo, options):
    worse = zoo.weights + np.random.default_rng(1).normal(0, 0.1, zoo.weights.shape)
    zoo.add_onnx("fp16", worse)
    rows = {row["precision"]: row for row in run_parity(options, zoo.predict_original)["rows"][1:]}
    assert {name: row["status"] for name, row in rows.items()} == {"fp32": "passed", "fp16": "failed", "int8": "passed"}
    assert rows["fp16"]["missed"][0].startswith("argmax_agreement is 0.")


def test_damaged_and_missing_files_do_not_stop_the_others(zoo, options):
    zoo.add_onnx("fp16", zoo.weights)
    (zoo.artifacts / "linear/model.fp16.onnx").unlink()
    with (zoo.artifacts / "linear/model.int8.onnx").open("ab") as file:
        file.write(b"x")
    rows = {row["precision"]: row for row in run_parity(options, zoo.predict_original)["rows"][1:]}
    assert {name: row["status"] for name, row in rows.items()} == {"fp32": "passed", "fp16": "error", "int8": "error"}
    assert "but missing" in rows["fp16"]["error"]
    assert "sha256 differs" in rows["int8"]["error"]


def test_a_file_that_is_no_model(zoo, options):
    (zoo.artifacts / "linear/model.fp16.onnx").write_bytes(b"not a model")
    zoo.add("onnx", "fp16", "linear/model.fp16.onnx")
    rows = {row["precision"]: row for row in run_parity(options, zoo.predict_original)["rows"][1:]}
    assert [rows[name]["status"] for name in ("fp32", "fp16")] == ["passed", "error"]
    assert "damaged" in rows["fp16"]["error"]


def test_without_the_original_nothing_can_be_compared(zoo, options):
    (zoo.artifacts / "linear/model.keras").unlink()
    rows = run_parity(options, zoo.predict_original)["rows"]
    assert [row["status"] for row in rows] == ["error"] * 3
    assert all("Keras original" in row["error"] for row in rows[1:])


def test_an_interrupted_run_keeps_its_rows(zoo, options, monkeypatch):
    classify, seen = measure.load_classifier, []

    def classifier(path, **settings):
        seen.append(path.name)
        if path.name == "model.int8.onnx" and seen.count(path.name) == 1:
            raise KeyboardInterrupt
        return classify(path, **settings)

    monkeypatch.setattr(measure, "load_classifier", classifier)
    with pytest.raises(KeyboardInterrupt):
        run_parity(options, zoo.predict_original)
    half = json.loads((zoo.reports / "parity.json").read_text())
    assert not half["complete"]
    assert len(half["rows"]) == 2
    report = run_parity(options, zoo.predict_original)
    assert seen[1:] == ["model.int8.onnx", "model.int8.onnx"]
    assert json.loads(json.dumps(report["rows"][:2])) == half["rows"]
    assert report["complete"]
    run_parity(options, zoo.predict_original)
    assert seen[3:] == [], "the numbers would be the same"


def test_an_interrupted_run_keeps_earlier_rows_it_has_not_reached(zoo, options, monkeypatch):
    before = run_parity(options, zoo.predict_original)["rows"]
    row, calls = measure._Comparison.row, []

    def stopped(self, artifact, kept):
        calls.append(artifact.path)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return row(self, artifact, kept)

    monkeypatch.setattr(measure._Comparison, "row", stopped)
    with pytest.raises(KeyboardInterrupt):
        run_parity(options, zoo.predict_original)
    half = json.loads((zoo.reports / "parity.json").read_text())
    assert not half["complete"]
    assert json.loads(json.dumps(before[2])) in half["rows"]


def test_a_changed_artifact_is_not_kept(zoo, options, monkeypatch):
    run_parity(options, zoo.predict_original)
    zoo.add_onnx("int8", zoo.weights * np.float32(1.01))
    classify, seen = measure.load_classifier, []
    monkeypatch.setattr(
        measure,
        "load_classifier",
        lambda path, **settings: seen.append(path.name) or classify(path, **settings),
    )
    run_parity(options, zoo.predict_original)
    assert seen == ["model.int8.onnx"]
    run_parity(replace(options, fresh=True), zoo.predict_original)
    assert sorted(set(seen[1:])) == ["model.fp32.onnx", "model.int8.onnx"]


def test_rows_of_other_gates_or_places_are_not_kept(zoo, options, monkeypatch):
    run_parity(options, zoo.predict_original)
    monkeypatch.setitem(measure.GATES, "fp32", replace(measure.GATES["fp32"], max_abs_diff=1e-12))
    rows = run_parity(options, zoo.predict_original)["rows"]
    assert [row["status"] for row in rows] == ["reference", "failed", "passed"]
    monkeypatch.setattr(other_runtimes, "_on_backend", lambda path, _, images: zoo.predict_original(path, images))
    original = run_parity(replace(options, backends=("jax",)), zoo.predict_original)["rows"][0]
    assert [row["where"] for row in original["elsewhere"]] == ["Keras on jax"]


def test_eight_expressions_are_held_against_the_majority_of_ferplus(zoo, options):
    comparison = measure._Comparison(options, [], load_dataset().subset("test"), zoo.predict_original)
    seven, eight = (types.SimpleNamespace(output={"labels": list("abcdefgh"[:count])}) for count in (7, 8))
    assert [len(comparison._set_of(artifact)[0]) for artifact in (seven, eight)] == [7178, 6352]
    assert comparison._set_of(eight)[0].expressions[7] == "contempt"


def test_the_report_tells_eight_expressions_from_seven(zoo, options):
    parity = run_parity(options, zoo.predict_original)
    parity["rows"][1]["classes"] = 8
    assert [of_fer2013(artifact) for artifact in merge(parity, None)["artifacts"]] == [True, False, True]


def test_rows_of_files_left_alone_stay_and_tell_another_machine(zoo, options, monkeypatch):
    run_parity(options, zoo.predict_original)
    describe, only = measure.describe, replace(options, models=("linear:onnx:int8",))
    with monkeypatch.context() as patch:
        patch.setattr(measure, "describe", lambda: describe() | {"cpu": "another"})
        original, fp32, int8 = run_parity(only, zoo.predict_original)["rows"]
    assert (fp32["machine"]["cpu"], original["machine"]["cpu"]) == ("a processor", "a processor")
    assert fp32["status"] == "passed"
    assert "machine" not in int8
    page = to_markdown(merge(json.loads((zoo.reports / "parity.json").read_text()), None), [])
    assert "Parity of linear is from an earlier run, on a processor." in page
    original, fp32, int8 = run_parity(only, zoo.predict_original)["rows"]
    assert "machine" not in original | fp32 | int8, "as it was measured on this machine"
    assert len(run_parity(replace(only, fresh=True), zoo.predict_original)["rows"]) == 1


def test_filter(zoo, options):
    rows = run_parity(replace(options, models=("linear:onnx:int8",)), zoo.predict_original)["rows"]
    assert [row["name"] for row in rows] == ["linear onnx int8"]
    with pytest.raises(UsageError, match="no artifact 'linear:tflite'; it has linear:keras:fp32"):
        run_parity(replace(options, models=("linear:tflite",)), zoo.predict_original)


def test_empty_manifest(zoo, tmp_path):
    with pytest.raises(FerZooError, match="python -m export"):
        run_parity(Options(tmp_path, tmp_path / "reports", zoo.data), zoo.predict_original)


def test_other_backends_and_runtimes_are_held_against_the_same_gates(zoo, options, monkeypatch):
    def other(path, **settings):
        assert settings["runtime"] == "openvino"
        if "int8" in path.name:
            raise FerZooError("it cannot read this")
        return types.SimpleNamespace(predict_proba=lambda images: np.roll(zoo.predict_original(ORIGINAL, images), 1, 1))

    monkeypatch.setattr(other_runtimes, "load_classifier", other)
    monkeypatch.setattr(other_runtimes, "_on_backend", lambda path, name, images: zoo.predict_original(path, images))
    options = replace(options, backends=("jax", "torch"), runtimes=("openvino",))
    original, fp32, int8 = (row["elsewhere"] for row in run_parity(options, zoo.predict_original)["rows"])
    assert [(row["where"], row["status"]) for row in original] == [
        ("Keras on jax", "passed"),
        ("Keras on torch", "passed"),
    ]
    assert fp32[0]["status"] == "failed"
    assert fp32[0]["missed"][0].startswith("argmax_agreement is 0")
    assert int8 == [{"where": "openvino", "status": "error", "error": "it cannot read this"}]


def test_what_is_short_of_the_aims_is_told(zoo, options):
    rows = run_parity(options, zoo.predict_original)["rows"]
    assert rows[1]["short_of_aims"] == []
    assert rows[2]["short_of_aims"] == ["size is 1, must be ≤ 27 % of fp32"], "these int8 weights are float32"
