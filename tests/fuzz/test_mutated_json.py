"""Damaged JSON of runs, reports and model files: it works, or one sentence says what is wrong with it."""

from __future__ import annotations

import json
import random
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from fuzzing import FACTOR, answer, mutated_json

from fer_zoo.contract import EXPRESSIONS
from fer_zoo.data import TrainingData
from fer_zoo.errors import FerZooError
from fer_zoo.inference import load_classifier
from fer_zoo.zoo import artifacts_dir, is_fine_tuned_file, labels_of, run_config, trained_models, training_prior
from fer_zoo.zoo.keras_file import keras_labels

COUNT = round(150 * FACTOR)


def _try(path: Path, use: Callable[[], object], at_least: float = 0.05) -> None:
    """Use a JSON file with faults, after the whole one; a share of them is refused at least."""
    use()
    original = json.loads(path.read_text())
    chance = random.Random(path.name)
    refusals = []
    for _ in range(COUNT):
        path.write_text(text := mutated_json(json.loads(json.dumps(original)), chance), errors="surrogatepass")
        try:
            result = answer(use)
        except Exception as error:
            raise AssertionError(f"{error!r} of {text[:2000]}") from error
        refusals += [result] if isinstance(result, str) else []
    assert len(refusals) >= at_least * COUNT
    # A sentence may repeat a value, such as one of 5,000 characters.
    assert [message for message in refusals if not message.isprintable() or len(message) > 6000] == []


@pytest.mark.parametrize("model", ["fernet_tiny", "fernet_ensemble"])
def test_configs_beside_a_model(model: str, tmp_path: Path) -> None:
    shutil.copyfile(artifacts_dir() / model / "config.json", tmp_path / "config.json")

    def use() -> None:
        config = run_config(tmp_path)
        data = TrainingData.of_config(config)
        if data is not None:
            assert data.text
            assert data.task
        labels_of(tmp_path / "model.onnx", 7)
        training_prior(tmp_path / "model.onnx")
        is_fine_tuned_file(tmp_path / "model.onnx")
        is_fine_tuned_file(tmp_path / "members" / "model.onnx")

    _try(tmp_path / "config.json", use)


def test_configs_of_runs(tmp_path: Path) -> None:
    pytest.importorskip("keras")
    from fer_zoo.training.config import TrainingConfig
    from fer_zoo.training.run_folder import is_finished, read_config, refuse_occupied

    shutil.copyfile(artifacts_dir() / "fernet_tiny" / "config.json", tmp_path / "config.json")

    def use() -> None:
        assert isinstance(read_config(tmp_path), TrainingConfig)
        is_finished(tmp_path)
        refuse_occupied(tmp_path)

    _try(tmp_path / "config.json", use)


@pytest.mark.parametrize("file", ["config.json", "history.json", "evaluation.json"])
def test_runs_that_are_compared(file: str, tmp_path: Path) -> None:
    pytest.importorskip("keras")
    from benchmarks.experiments.page import to_markdown
    from benchmarks.experiments.training_run import Run

    for name in ("config.json", "history.json", "evaluation.json"):
        shutil.copyfile(artifacts_dir() / "fernet_tiny" / name, tmp_path / name)

    def use() -> None:
        assert to_markdown("t", [Run.load(tmp_path)])

    _try(tmp_path / file, use)


def test_latencies_of_the_zoo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copyfile(artifacts_dir() / "manifest.json", tmp_path / "manifest.json")
    (tmp_path / "reports").mkdir()
    report = json.loads((artifacts_dir() / "reports" / "latency.json").read_text())
    report["rows"] = report["rows"][:4]
    (tmp_path / "reports" / "latency.json").write_text(json.dumps(report))
    monkeypatch.setenv("FER_ZOO_ARTIFACTS", str(tmp_path))

    def use() -> None:
        for model in trained_models():
            if model.latency is not None:
                assert f"{model.latency.p50_ms:.3g} ms, {model.latency.cpu}".isprintable()

    _try(tmp_path / "reports" / "latency.json", use, at_least=0)


def test_tables_of_benchmarks(tmp_path: Path) -> None:
    from benchmarks.parity.rows import ParityReport
    from benchmarks.table import read_record, write_csv

    content = json.loads((artifacts_dir() / "reports" / "parity.json").read_text())
    content["rows"] = content["rows"][:3]
    (tmp_path / "parity.json").write_text(json.dumps(content))

    def use() -> None:
        report = read_record(tmp_path / "parity.json", ParityReport)
        assert report is not None
        write_csv(tmp_path / "parity.csv", report.rows)

    _try(tmp_path / "parity.json", use)


def test_facts_of_onnx_files(tmp_path: Path) -> None:
    model = onnx.load(artifacts_dir() / "fernet_nano" / "model.int8.onnx")
    facts = {"labels": list(EXPRESSIONS), "prior": [0.1] * 7}
    (tmp_path / "facts.json").write_text(json.dumps(facts))

    def use() -> None:
        content = (tmp_path / "facts.json").read_bytes().decode(errors="replace")
        try:
            parts = json.loads(content)
        except ValueError:
            parts = {"labels": content}
        if not isinstance(parts, dict):
            parts = {"prior": parts}
        texts = {name: json.dumps(value) for name, value in parts.items() if name in facts}
        onnx.helper.set_model_props(model, texts)
        onnx.save(model, tmp_path / "m.onnx")
        classifier = load_classifier(tmp_path / "m.onnx")
        assert len(classifier.labels) == 7
        assert classifier.predict_proba(np.zeros((1, 48, 48), np.uint8)).shape == (1, 7)

    _try(tmp_path / "facts.json", use)


def test_labels_of_keras_files(tmp_path: Path) -> None:
    (tmp_path / "facts.json").write_text(json.dumps({"labels": list(EXPRESSIONS)}))

    def use() -> None:
        with zipfile.ZipFile(tmp_path / "m.keras", "w", zipfile.ZIP_DEFLATED) as file:
            file.write(tmp_path / "facts.json", "fer_zoo.json")
        keras_labels(tmp_path / "m.keras")

    _try(tmp_path / "facts.json", use)
    (tmp_path / "facts.json").write_text(" " * 10_000_000)
    with pytest.raises(FerZooError, match=r"the labels in .* cannot be read \(they are too long\)"):
        use()
