"""The built wheel in an empty environment: one package, a light core, and a face classified."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from model_server import serve_models
from PIL import Image

from fer_zoo.inference import DEFAULT_MODEL
from fer_zoo.zoo import find_artifact, load_manifest

_BUNDLED = ("baseline_cnn", "fernet_base", "fernet_nano", "fernet_tiny")


def _run(*command: object, **settings: str) -> subprocess.CompletedProcess[str]:
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "FER_ZOO"))}
    call = [str(part) for part in command]
    return subprocess.run(call, capture_output=True, text=True, check=False, env=plain | settings, cwd="/")


@pytest.fixture(scope="module")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    done = _run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", folder, root)
    assert done.returncode == 0, done.stderr
    return next(folder.glob("*.whl"))


@pytest.mark.slow
def test_the_wheel_has_one_top_level_package(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0].split("-")[0] for name in names} == {"fer_zoo"}
    assert {"fer_zoo/data/train_copies.txt", "fer_zoo/artifacts/manifest.json", "fer_zoo/export/__main__.py"} <= set(
        names
    )
    assert "fer_zoo/py.typed" in names
    assert {"fer_zoo/serve/static/vendor/onnxruntime/ort-wasm-simd.wasm.gz", "fer_zoo/serve/docs.html"} <= set(names)
    assert {"fer_zoo/faces/yunet.onnx", "fer_zoo/faces/yunet.LICENSE"} <= set(names)
    assert {f"fer_zoo/artifacts/voice_nano/{name}" for name in ("model.onnx", "voice.json")} <= set(names)
    assert not [name for name in names if name.endswith((".png", ".zip", ".keras")) or "/reports/" in name]


@pytest.mark.slow
def test_the_wheel_is_small_and_has_the_int8_files_of_some_models(wheel: Path) -> None:
    assert wheel.stat().st_size < 25_000_000
    both = [f"{model}/model.int8.{format}" for model in _BUNDLED for format in ("onnx", "tflite")]
    inside = {name.removeprefix("fer_zoo/artifacts/") for name in zipfile.ZipFile(wheel).namelist()}
    weights = {artifact.path for artifact in load_manifest(absent=True)} & inside
    assert weights == set(both)
    assert find_artifact(DEFAULT_MODEL, load_manifest(absent=True)).path in weights


@pytest.mark.slow
def test_predict_answers_in_an_environment_with_nothing_but_the_wheel(wheel: Path, root: Path, tmp_path: Path) -> None:
    from fer_zoo.data import load_dataset

    happy = load_dataset().subset("test")
    happy = happy.take(happy.labels == 3)
    Image.fromarray(happy.images[0]).save(tmp_path / "face.png")
    # A pip of its own, and compiling what is never imported, would take most of the test's time.
    _run(sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv")
    binaries = tmp_path / "venv" / "bin"
    pip = (sys.executable, "-m", "pip", "--python", binaries / "python")
    done = _run(*pip, "install", "-q", "--no-compile", wheel)
    assert done.returncode == 0, done.stderr
    installed = _run(*pip, "list", "--format", "freeze").stdout.lower()
    assert "onnxruntime" in installed
    assert not [name for name in ("keras", "tensorflow", "jax", "torch", "scikit", "matplotlib") if name in installed]
    done = _run(binaries / "fer-zoo", "predict", tmp_path / "face.png", "--format", "json")
    assert done.returncode == 0, done.stderr
    assert "happy" in json.dumps(json.loads(done.stdout))
    photo = ("predict", tmp_path / "face.png", "--format", "json", "--model")
    done = _run(binaries / "fer-zoo", *photo, "fernet_nano:onnx:fp32")
    assert done.returncode == 2
    assert "fernet_nano:onnx:fp32 is not on this machine; a clone of the project has it; or set FER" in done.stderr
    with serve_models(root / "artifacts") as server:
        settings = {"FER_ZOO_MODELS": server.address, "FER_ZOO_CACHE": str(tmp_path / "cache"), "NO_PROXY": "127.0.0.1"}
        done = _run(binaries / "fer-zoo", *photo, "fernet_nano:onnx:fp32", **settings)
    assert done.returncode == 0, done.stderr
    assert "happy" in json.dumps(json.loads(done.stdout))
    assert server.asked == ["/zoo/fernet_nano/model.onnx"]
    done = _run(binaries / "fer-zoo", "train")
    assert done.returncode == 2
    assert "no Keras backend is installed; run `pip install 'fer-zoo[tensorflow]'`" in done.stderr
