"""The second way to ONNX: by torch, where TensorFlow is missing or torch is asked for."""

from __future__ import annotations

import argparse
import importlib.util
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from export import __main__ as command_line
from export import keras_original
from fer_zoo.data import load_dataset
from fer_zoo.errors import UsageError
from fer_zoo.inference import load_classifier
from fer_zoo.zoo import load_manifest, original_path


@pytest.mark.slow
def test_torch_gives_the_files_that_tf2onnx_does(part_of_bundle, command, root: Path, tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxscript")
    part_of_bundle(tmp_path / "images.zip", 100)
    folder = tmp_path / "export"
    arguments = ("--onnx-converter", "torch", "--output", folder, "--calibration", 32)
    arguments = (*arguments, "--data", tmp_path / "images.zip")
    done = command("export", original_path("fernet_nano"), *arguments, backend="torch")
    assert done.returncode == 0, done.stdout + done.stderr
    assert [entry.path for entry in load_manifest(folder)] == ["model.keras", "model.onnx", "model.int8.onnx"]
    images = load_dataset().subset("test").images[:50]
    published = load_classifier(root / "artifacts" / "fernet_nano" / "model.onnx")
    converted = load_classifier(folder / "model.onnx")
    assert converted.labels == published.labels
    np.testing.assert_allclose(converted.predict_proba(images), published.predict_proba(images), atol=1e-5)
    kinds = [
        Counter(node.op_type for node in onnx.load(path).graph.node)
        for path in (folder / "model.onnx", root / "artifacts" / "fernet_nano" / "model.onnx")
    ]
    assert kinds[0]["Conv"] == kinds[1]["Conv"]
    assert kinds[0]["Pad"] == kinds[1]["Pad"] == 1
    assert kinds[0]["Transpose"] <= 2, "none around each convolution"
    assert {opset.domain for opset in onnx.load(folder / "model.onnx").opset_import} <= {"", "ai.onnx"}


def options(**settings: object) -> argparse.Namespace:
    usual = {"formats": None, "target": "zoo", "also": [], "onnx_converter": None}
    return argparse.Namespace(**(usual | settings))


def test_without_tensorflow_torch_converts_and_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    present = {"torch", "onnxscript", "onnx", "onnxruntime", "sklearn", "matplotlib"}
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name in present or None)
    assert command_line._choose_converter(options()) == ("torch", ("onnx",))
    assert "torch converts to ONNX, and no TFLite files are written" in " ".join(capsys.readouterr().out.split())
    # TFLite files that are asked for need TensorFlow.
    assert command_line._choose_converter(options(formats="tflite")) == ("tf2onnx", ("tflite",))
    with pytest.raises(UsageError, match=r"export needs tensorflow, tf2onnx; run `pip install 'fer-zoo\[export\]'`"):
        keras_original.prepare_keras("tf2onnx")
    present.discard("onnxscript")
    with pytest.raises(UsageError, match=r"export needs onnxscript; run `pip install 'fer-zoo\[export-torch\]'`"):
        keras_original.prepare_keras("torch")


@pytest.mark.parametrize("settings", [{"formats": "onnx,tflite"}, {"target": "mobile"}, {"also": ["tflite:int8-full"]}])
def test_torch_writes_no_tflite(settings: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="TFLite files need TensorFlow"):
        command_line._choose_converter(options(onnx_converter="torch", **settings))


def test_torch_can_be_chosen() -> None:
    assert command_line._choose_converter(options(onnx_converter="torch")) == ("torch", ("onnx",))
