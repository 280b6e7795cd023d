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
from benchmarks.parity.rows import ParityReport, RuntimeRow
from benchmarks.report.merge import merge
from benchmarks.report.page import to_markdown
from benchmarks.table import read_record
from fer_zoo.contract import EXPRESSIONS, FERPLUS_EXPRESSIONS
from fer_zoo.data.training_data import OWN
from fer_zoo.errors import FerZooError, UsageError

ORIGINAL = Path("model.keras")

pytestmark = pytest.mark.usefixtures("quick")


@pytest.fixture
def options(zoo) -> Options:
    return Options(zoo.artifacts, zoo.reports, zoo.data)


def stored(zoo) -> ParityReport:
    return read_record(zoo.reports / "parity.json", ParityReport)


def test_exports_are_compared_with_the_original(zoo, options):
    report = run_parity(options, zoo.predict_original)
    original, fp32, int8 = report.rows
    assert report == stored(zoo)
    assert report.finished
    assert (report.data.n, report.data.split) == (42, "test")
    assert [row.status for row in report.rows] == ["reference", "passed", "passed"]
    assert original.parity is None
    assert fp32.parity.argmax_agreement == 1
    assert fp32.parity.max_abs_diff < 1e-5
    assert 1e-5 < int8.parity.max_abs_diff < 1e-2
    assert int8.evaluation.accuracy == pytest.approx(original.evaluation.accuracy + int8.parity.accuracy_delta)
    assert (fp32.reference.path, fp32.reference.sha256) == (original.file.path, original.file.sha256)


def test_a_missed_gate_fails_only_its_row(zoo, options):
    worse = zoo.weights + np.random.default_rng(1).normal(0, 0.1, zoo.weights.shape)
    zoo.add_onnx("fp16", worse)
    rows = {row.file.precision: row for row in run_parity(options, zoo.predict_original).rows[1:]}
    assert {name: row.status for name, row in rows.items()} == {"fp32": "passed", "fp16": "failed", "int8": "passed"}
    assert rows["fp16"].missed[0].startswith("argmax_agreement is 0.")


def test_damaged_files_do_not_stop_the_others_and_absent_ones_have_no_row(zoo, options):
    zoo.add_onnx("fp16", zoo.weights)
    (zoo.artifacts / "linear/model.fp16.onnx").unlink()
    with (zoo.artifacts / "linear/model.int8.onnx").open("ab") as file:
        file.write(b"x")
    rows = {row.file.precision: row for row in run_parity(options, zoo.predict_original).rows[1:]}
    assert {name: row.status for name, row in rows.items()} == {"fp32": "passed", "int8": "error"}
    assert "sha256 differs" in rows["int8"].error


def test_a_file_that_is_no_model(zoo, options):
    (zoo.artifacts / "linear/model.fp16.onnx").write_bytes(b"not a model")
    zoo.add("onnx", "fp16", "linear/model.fp16.onnx")
    rows = {row.file.precision: row for row in run_parity(options, zoo.predict_original).rows[1:]}
    assert [rows[name].status for name in ("fp32", "fp16")] == ["passed", "error"]
    assert "damaged" in rows["fp16"].error


def test_without_the_original_nothing_can_be_compared(zoo, options):
    (zoo.artifacts / "linear/model.keras").unlink()
    rows = run_parity(options, zoo.predict_original).rows
    assert [row.status for row in rows] == ["error"] * 2
    assert all("Keras original" in row.error for row in rows)


def test_an_interrupted_run_goes_on_after_its_rows(zoo, options, monkeypatch):
    classify, seen = measure.load_classifier, []

    def classifier(path, **settings):
        seen.append(path.name)
        if path.name == "model.int8.onnx" and seen.count(path.name) == 1:
            raise KeyboardInterrupt
        return classify(path, **settings)

    monkeypatch.setattr(measure, "load_classifier", classifier)
    with pytest.raises(KeyboardInterrupt):
        run_parity(options, zoo.predict_original)
    half = stored(zoo)
    assert half.finished is None
    assert len(half.rows) == 2
    report = run_parity(options, zoo.predict_original)
    assert seen[1:] == ["model.int8.onnx", "model.int8.onnx"]
    assert report.rows[:2] == half.rows
    assert report.finished
    run_parity(options, zoo.predict_original)
    assert seen[3:] == [], "the numbers would be the same"


def test_an_interrupted_run_loses_no_earlier_rows(zoo, options, monkeypatch):
    before = run_parity(options, zoo.predict_original).rows
    row, calls = measure._Comparison.row, []

    def stopped(self, artifact, earlier):
        calls.append(artifact.path)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return row(self, artifact, earlier)

    monkeypatch.setattr(measure._Comparison, "row", stopped)
    with pytest.raises(KeyboardInterrupt):
        run_parity(options, zoo.predict_original)
    assert stored(zoo).finished is None
    assert before[2] in stored(zoo).rows


def test_a_changed_artifact_is_measured_again(zoo, options, monkeypatch):
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


def test_rows_of_other_gates_or_fewer_runtimes_are_measured_anew(zoo, options, monkeypatch):
    run_parity(options, zoo.predict_original)
    monkeypatch.setitem(measure.GATES, "fp32", replace(measure.GATES["fp32"], max_abs_diff=1e-12))
    rows = run_parity(options, zoo.predict_original).rows
    assert [row.status for row in rows] == ["reference", "failed", "passed"]
    monkeypatch.setattr(other_runtimes, "keras_probabilities", lambda path, x, _: zoo.predict_original(path, x))
    original = run_parity(replace(options, backends=("jax",)), zoo.predict_original).rows[0]
    assert [row.runtime for row in original.other_runtimes] == ["Keras on jax"]
    assert run_parity(options, zoo.predict_original).rows[0] == original, "more than asked for is as good"


def test_eight_expressions_are_held_against_the_majority_of_ferplus(zoo, options):
    comparison = measure._Comparison(replace(options, data=None), [], zoo.predict_original)
    labels = EXPRESSIONS, FERPLUS_EXPRESSIONS
    seven, eight = (types.SimpleNamespace(output={"labels": list(names)}) for names in labels)
    assert [len(comparison.test_images(artifact)) for artifact in (seven, eight)] == [7178, 6352]
    assert comparison.test_images(eight).expressions[7] == "contempt"


def test_copies_in_train_are_those_of_the_models_own_training_images(zoo, options):
    """FER2013's list is of FER2013's training images; which images a model of others has seen is not known here."""
    comparison = measure._Comparison(replace(options, data=None), [], zoo.predict_original)
    uniform, original = np.full((7178, 7), 1 / 7, "float32"), zoo.add("keras", "fp32", "linear/model.keras")
    unrecorded = comparison._accuracy(uniform, original)
    assert unrecorded.n_without_train_copies == 6610
    data = {"kind": OWN, "source": "mine", "fingerprint": "0", "images": 9, "splits": {"train": 9, "held_out": 1}}
    config = {"data": data | {"chosen_on": "held_out", "labels": EXPRESSIONS}}
    (zoo.artifacts / "linear/config.json").write_text(json.dumps(config))
    own = comparison._accuracy(uniform, original)
    assert own.n_without_train_copies is None
    assert own.accuracy == unrecorded.accuracy


def test_rows_of_files_left_alone_stay_and_name_another_machine(zoo, options, monkeypatch):
    run_parity(options, zoo.predict_original)
    machine, only = measure.describe(), replace(options, models=("linear:onnx:int8",))
    with monkeypatch.context() as patch:
        patch.setattr(measure, "describe", lambda: replace(machine, cpu="another"))
        original, fp32, int8 = run_parity(only, zoo.predict_original).rows
    assert (fp32.machine.cpu, original.machine.cpu) == ("a processor", "a processor")
    assert fp32.status == "passed"
    assert int8.machine is None
    page = to_markdown(merge(stored(zoo), None), [])
    assert "Parity of linear is from an earlier run, on a processor." in page.partition("## Provenance")[2]
    rows = run_parity(only, zoo.predict_original).rows
    assert [row.machine for row in rows] == [None] * 3, "as they were measured on this machine"
    assert len(run_parity(replace(only, fresh=True), zoo.predict_original).rows) == 1


def test_filter(zoo, options):
    rows = run_parity(replace(options, models=("linear:onnx:int8",)), zoo.predict_original).rows
    assert [row.file.name for row in rows] == ["linear onnx int8"]
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
    monkeypatch.setattr(other_runtimes, "keras_probabilities", lambda path, x, _: zoo.predict_original(path, x))
    options = replace(options, backends=("jax", "torch"), runtimes=("openvino",))
    original, fp32, int8 = (row.other_runtimes for row in run_parity(options, zoo.predict_original).rows)
    assert [(row.runtime, row.status) for row in original] == [
        ("Keras on jax", "passed"),
        ("Keras on torch", "passed"),
    ]
    assert fp32[0].status == "failed"
    assert fp32[0].missed[0].startswith("argmax_agreement is 0")
    assert int8 == (RuntimeRow("openvino", "error", error="it cannot read this"),)


def test_goals_that_are_missed_are_named(zoo, options):
    rows = run_parity(options, zoo.predict_original).rows
    assert rows[1].goals_missed == ()
    assert rows[2].goals_missed == ("size is 1, must be ≤ 27 % of fp32",), "these int8 weights are float32"
