"""A folder for a model hub: it is complete, loads again, and transformers.js answers as ONNX Runtime does in Python."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import yaml
from filelock import FileLock
from PIL import Image

from export.__main__ import main
from export.hub import write_hub_folder
from fer_zoo.contract import EXPRESSIONS
from fer_zoo.data import load_dataset
from fer_zoo.errors import UsageError
from fer_zoo.files import sha256
from fer_zoo.inference import load_classifier
from fer_zoo.zoo import artifacts_dir, load_manifest, model_info

_TRANSFORMERS = "@huggingface/transformers@4.3.2"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("hub") / "fernet_nano"
    assert main(["fernet_nano", "--target", "hub", str(path)]) == 0
    return path


@pytest.fixture(scope="module")
def faces() -> np.ndarray:
    return load_dataset().subset("test").images[::1200]


@pytest.fixture(scope="module")
def node_modules() -> Path:
    """A folder with transformers.js, kept between runs (475 MB)."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("node and npm are not installed")
    root = Path(os.environ.get("FER_ZOO_NODE") or "~/.cache/fer_zoo_node").expanduser()
    root.mkdir(parents=True, exist_ok=True)
    with FileLock(root / "install.lock"):
        if not (root / "node_modules" / "@huggingface" / "transformers").is_dir():
            install = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", str(root)]
            done = subprocess.run([*install, _TRANSFORMERS], capture_output=True, text=True, check=False)
            if done.returncode:
                pytest.skip(f"npm cannot install transformers.js: {done.stderr.strip()[-200:]}")
    return root / "node_modules"


def test_it_has_what_a_hub_expects(folder: Path) -> None:
    card = (folder / "README.md").read_text()
    facts = yaml.safe_load(card.split("---\n")[1])
    assert (facts["library_name"], facts["pipeline_tag"], facts["license"]) == ("keras", "image-classification", "mit")
    (index,) = facts["model-index"]
    by_split = {result["dataset"]["split"]: result["metrics"][0]["value"] for result in index["results"]}
    assert by_split == model_info("fernet_nano").accuracy
    config = json.loads((folder / "config.json").read_text())
    assert tuple(config["id2label"][str(index)] for index in range(7)) == EXPRESSIONS
    assert {label: index for index, label in enumerate(EXPRESSIONS)} == config["label2id"]
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert {"onnx/model.onnx", "onnx/model_quantized.onnx", "model.keras", "model.int8.tflite"} <= names
    assert json.loads((folder / "preprocessor_config.json").read_text())["size"] == {"height": 48, "width": 48}


def test_it_loads_again_and_answers_as_before(folder: Path, faces: np.ndarray) -> None:
    assert sha256(folder / "model.onnx") == sha256(artifacts_dir() / "fernet_nano" / "model.onnx")
    expected = load_classifier("fernet_nano:onnx:fp32").predict_proba(faces)
    np.testing.assert_array_equal(load_classifier(folder).predict_proba(faces), expected)


@pytest.mark.parametrize(("file", "precision"), [("model.onnx", "fp32"), ("model_quantized.onnx", "int8")])
def test_the_graphs_take_planes_of_rgb(folder: Path, faces: np.ndarray, file: str, precision: str) -> None:
    answers = _softmax(_logits(folder / "onnx" / file, np.repeat(faces[:, None], 3, axis=1)))
    expected = load_classifier(f"fernet_nano:onnx:{precision}").predict_proba(faces)
    np.testing.assert_allclose(answers, expected, atol=1e-4 if precision == "fp32" else 0.02)
    light = np.array([0.2, 0.9, 0.5]).reshape(1, 3, 1, 1)
    gray = faces * float(np.dot([0.299, 0.587, 0.114], light.ravel()))
    tinted = _softmax(_logits(folder / "onnx" / file, faces[:, None] * light))
    darker = load_classifier(f"fernet_nano:onnx:{precision}").predict_proba(gray)
    np.testing.assert_allclose(tinted, darker, atol=1e-4 if precision == "fp32" else 0.02)


@pytest.mark.slow
@pytest.mark.parametrize(("dtype", "file"), [("fp32", "model.onnx"), ("q8", "model_quantized.onnx")])
def test_transformers_js_gives_the_same_answers(
    folder: Path, faces: np.ndarray, node_modules: Path, tmp_path: Path, dtype: str, file: str
) -> None:
    paths = [tmp_path / f"{index}.png" for index in range(len(faces))]
    for path, face in zip(paths, faces, strict=True):
        Image.fromarray(face).save(path)
    script = Path(__file__).with_name("classify_with_transformers.cjs")
    command = ["node", script, node_modules, folder, dtype, *paths]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    answers = [[face[label] for label in EXPRESSIONS] for face in json.loads(done.stdout)]
    expected = _softmax(_logits(folder / "onnx" / file, np.repeat(faces[:, None], 3, axis=1)))
    np.testing.assert_allclose(answers, expected, atol=1e-5)


def test_what_it_wrote_is_replaced_and_nothing_else(folder: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(folder, tmp_path / "copy")
    (copy / ".gitattributes").write_text("mine")
    write_hub_folder("fernet_nano", copy)
    assert (copy / ".gitattributes").read_text() == "mine"
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "README.md").write_text("mine")
    with pytest.raises(UsageError, match=r"own holds README\.md that this command did not write"):
        write_hub_folder("fernet_nano", tmp_path / "own")
    assert [path.name for path in (tmp_path / "own").iterdir()] == ["README.md"]


def test_a_hub_folder_of_an_export_of_ones_own(folder: Path, tmp_path: Path) -> None:
    # A hub folder is laid out as an export is.
    again = write_hub_folder(str(folder), tmp_path / "again")
    assert [a.sha256 for a in load_manifest(again)] == [a.sha256 for a in load_manifest(folder)]


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("fernet_nanno", "there is no model 'fernet_nanno'; did you mean fernet_nano?"),
        ("fernet_ensemble", "fernet_ensemble:keras:fp32 is not on this machine"),
    ],
)
def test_a_model_that_cannot_be_written(tmp_path: Path, model: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        write_hub_folder(model, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def _logits(path: Path, pixels: np.ndarray) -> np.ndarray:
    import onnxruntime

    return onnxruntime.InferenceSession(path).run(["logits"], {"pixel_values": pixels.astype(np.float32)})[0]


def _softmax(logits: np.ndarray) -> np.ndarray:
    scores = np.exp(logits - logits.max(1, keepdims=True))
    return scores / scores.sum(1, keepdims=True)
