"""The study of converters to ONNX: its rows, page and plot, and what torch's converter makes of a model."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from benchmarks.__main__ import main
from benchmarks.studies.converters import measure as study
from benchmarks.studies.converters.converters import Converter
from benchmarks.studies.converters.rows import Converters
from benchmarks.studies.converters.write import main as write
from benchmarks.table import read_record
from fer_zoo.zoo import original_path


@pytest.fixture
def converted(root: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Two converters that write the published file, a third one is missing; the names of those that ran."""
    ran: list[str] = []

    def run_child(module: str, name: str, folder: Path, data: str, content: bytes) -> str:
        ran.append(name)
        found = {}
        for model in json.loads(content):
            if name == "torch" and model == "fernet_tiny":
                found[model] = f"no such operator in {folder}/{model}.onnx"
                continue
            for kind in ("", ".finished"):
                shutil.copyfile(root / "artifacts" / model / "model.onnx", folder / f"{model}.{name}{kind}.onnx")
            found[model] = {"opset": 17, "nodes_converted": 90, "nodes": 46, "bytes": 250_000, "n": 256}
            found[model] |= {"agreement": 1.0, "max_abs_diff": 2e-7, "convert_cpu_seconds": 1.5}
        return json.dumps(found)

    monkeypatch.setattr(study, "run_child", run_child)
    converters = [Converter(name, name, ()) for name in ("tf2onnx", "torch")]
    monkeypatch.setattr(study, "CONVERTERS", (*converters, Converter("jax2onnx", "jax", ("no_such_package",))))
    return ran


def test_each_model_has_a_row_for_each_converter(converted: list[str], tmp_path: Path) -> None:
    command = ["onnx-converters", "--output", str(tmp_path), "--models", "fernet_nano"]
    assert main(command) == 0
    record = read_record(tmp_path / "onnx_converters.json", Converters)
    assert record is not None
    assert [(row.model, row.converter) for row in record.rows] == [("fernet_nano", "tf2onnx"), ("fernet_nano", "torch")]
    assert all(0.01 < row.cpu_ms < 50 for row in record.rows)
    assert record.left_out == ("jax2onnx: no_such_package not installed",)
    page = (tmp_path / "onnx_converters.md").read_text()
    assert "| fernet_nano | torch | 17 | 90 | 46 | 250.0 | 100.00% | 2.0e-07 |" in page
    assert "- **torch**: 1 models, largest difference 2.0e-07, " in page
    assert "jax2onnx: no_such_package not installed" in page
    assert (tmp_path / "onnx_converters.png").stat().st_size > 1000
    # A second run measures what is missing.
    assert main([*command, "fernet_tiny"]) == 0
    assert converted == ["tf2onnx", "torch"] * 2
    again = read_record(tmp_path / "onnx_converters.json", Converters)
    assert again is not None
    assert again.rows[:2] == record.rows
    assert [(row.model, row.converter) for row in again.rows[2:]] == [("fernet_tiny", "tf2onnx")]
    assert "torch on fernet_tiny: no such operator in fernet_tiny.onnx" in again.left_out


@pytest.mark.slow
def test_torch_converts_what_keras_computes(on_backend, tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    originals = {"fernet_nano": str(original_path("fernet_nano")), "missing": str(tmp_path / "missing.keras")}
    found = on_backend("torch", write, "torch", tmp_path, None, originals)
    facts = found["fernet_nano"]
    assert facts["max_abs_diff"] < 1e-5
    assert facts["agreement"] == 1
    assert facts["nodes"] < 60 < facts["nodes_converted"]
    assert isinstance(found["missing"], str)
