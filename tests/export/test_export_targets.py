"""Files for other runtimes, run in these runtimes where they are installed."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
from commands import run_command
from needs import need

from export.__main__ import main
from export.keras_original import CONVERTERS, installed_converter
from fer_zoo.contract import EXPRESSIONS
from fer_zoo.errors import UsageError
from fer_zoo.zoo import original_path

NANO = str(original_path("fernet_nano"))
# Packages of each runtime; ExecuTorch's and Core ML's files are made from the Keras model on torch.
PACKAGES = {
    "openvino": ("openvino",),
    "ncnn": ("ncnn", "pnnx"),
    "mnn": ("MNN",),
    "executorch": ("executorch",),
    "coreml": ("coremltools",),
}


def backend_of(target: str) -> str:
    """The backend that Keras runs on; skips the test where something is not installed."""
    on_torch = target in ("executorch", "coreml") or installed_converter() == "torch"
    need(*PACKAGES[target], *CONVERTERS["torch" if on_torch else "tf2onnx"])
    return "torch" if on_torch else "tensorflow"


@pytest.fixture(scope="module")
def images(part_of_bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hundredth of the bundled images."""
    path = tmp_path_factory.mktemp("images") / "images.zip"
    part_of_bundle(path, 100)
    return path


@pytest.mark.slow
@pytest.mark.parametrize(
    ("target", "precision", "files"),
    [
        ("openvino", "fp32", {"model.xml", "model.bin"}),
        ("openvino", "int8", {"model.xml", "model.bin"}),
        ("ncnn", "fp32", {"model.ncnn.param", "model.ncnn.bin"}),
        ("mnn", "fp32", {"model.mnn"}),
        ("executorch", "fp32", {"model.pte"}),
        ("coreml", "fp32", {"model.mlpackage"}),
        ("coreml", "fp16", {"model.mlpackage"}),
    ],
)
def test_the_files_predict_in_their_runtime_what_the_original_does(
    target: str, precision: str, files: set[str], images: Path, command, tmp_path: Path
) -> None:
    backend = backend_of(target)
    folder = tmp_path / "files"
    arguments = ("--target", target, folder, "--precision", precision, "--data", images)
    done = command("export", NANO, *arguments, "--calibration", 32, backend=backend)
    assert done.returncode == 0, done.stdout + done.stderr
    assert {path.name for path in folder.iterdir()} == files | {"labels.txt", "fer_zoo.json"}
    assert (folder / "labels.txt").read_text().split() == list(EXPRESSIONS)
    facts = json.loads((folder / "fer_zoo.json").read_text())
    assert (facts["model"], facts["precision"], facts["labels"]) == ("fernet_nano", precision, list(EXPRESSIONS))
    if target == "coreml":
        assert "Core ML predicts on macOS only" in done.stdout
    else:
        assert facts["parity"]["n"] > 50
        assert facts["parity"]["max_abs_diff"] < (1e-5 if precision == "fp32" else 0.2)


def test_the_labels_of_an_openvino_file_are_where_its_model_api_reads_them(
    images: Path, command, tmp_path: Path
) -> None:
    openvino = pytest.importorskip("openvino")
    backend = backend_of("openvino")
    arguments = ("--target", "openvino", tmp_path / "ir", "--precision", "fp16", "--data", images)
    done = command("export", NANO, *arguments, backend=backend)
    assert done.returncode == 0, done.stdout + done.stderr
    model = openvino.Core().read_model(tmp_path / "ir" / "model.xml")
    assert model.get_rt_info(["model_info", "labels"]).astype(str).split() == list(EXPRESSIONS)
    assert (tmp_path / "ir" / "model.bin").stat().st_size < 130_000, "weights in float16"
    again = command("export", NANO, *arguments, backend=backend)
    assert again.returncode == 2
    assert "is not empty; choose another folder, or pass --force to replace it" in again.stderr


def export_shifted(arguments: list[str]) -> object:
    """Export to OpenVINO, as if it gave every probability to the expression after the right one."""
    from unittest.mock import patch

    from export.targets import openvino

    load = openvino.TARGET.load
    assert load is not None

    def shifted(folder: Path) -> object:
        predict = load(folder)
        return lambda images: np.roll(predict(images), 1, axis=1)

    with patch.dict(openvino.TARGET.__dict__, load=shifted):
        return run_command("export", arguments, {})


def test_a_missed_gate_leaves_nothing(images: Path, on_backend, tmp_path: Path) -> None:
    backend = backend_of("openvino")
    folder = tmp_path / "ir"
    arguments = [NANO, "--target", "openvino", str(folder), "--data", str(images)]
    done = on_backend(backend, export_shifted, arguments)
    assert done.returncode == 1
    assert "nothing was written, parity gates are missed: model.bin: argmax_agreement is" in done.stderr
    assert not list(tmp_path.iterdir())


def test_a_missing_package_is_named_with_what_installs_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match="ncnn, pnnx are not installed; run `pip install ncnn pnnx`"):
        main(["fernet_nano", "--target", "ncnn", str(tmp_path / "files")])
    with pytest.raises(UsageError, match=r"openvino is not installed; run `pip install 'fer-zoo\[openvino\]'`"):
        main(["fernet_nano", "--target", "openvino", str(tmp_path / "files")])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["fernet_nano", "--target", "ncnn", "--precision", "int8"], "--target ncnn has no int8; it has fp32, fp16"),
        (["fernet_nano", "--target", "coreml", "--onnx-converter", "torch"], "is not made from ONNX"),
        (["vgg", "--target", "mnn"], "vgg does not exist"),
        (["fernet_nano", "--target", "mnn", "--calibration", "0"], "--calibration is 0; it must be at least 1"),
    ],
)
def test_what_cannot_be_done_is_told(arguments: list[str], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        main([*arguments, "files"])
