"""Files for phones: what they take, carry and answer, and what MediaPipe's own ImageClassifier makes of them."""

from __future__ import annotations

import importlib.util
import io
import json
import os
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from make_mobile import make_mobile
from needs import EXPORT, need
from PIL import Image

from export.__main__ import main
from fer_zoo.contract import EXPRESSIONS, EXPRESSIONS_INDONESIAN
from fer_zoo.data import load_dataset
from fer_zoo.errors import FerZooError, UsageError
from fer_zoo.files import sha256
from fer_zoo.inference import load_classifier

slow = pytest.mark.slow
FILES = {"fp32": "baseline_cnn.tflite", "fp16": "baseline_cnn.fp16.tflite", "int8": "baseline_cnn.int8.tflite"}


@dataclass(frozen=True)
class Mobile:
    """The published folder, and what the four exports said."""

    folder: Path
    exit_codes: list[int]
    output: str
    errors: str


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small FER2013 zip, whose test images are those that the published model is sure about."""
    dataset = load_dataset()
    test, train = dataset.subset("test"), dataset.subset("train")
    likeliest = load_classifier("baseline_cnn").predict_proba(test.images[:1200]).max(1)
    path = tmp_path_factory.mktemp("phones") / "small.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for prefix, part, rows in (
            ("train/{}/Training_{}.png", train, range(32)),
            ("test/{}/PublicTest_{}.png", test, np.argsort(-likeliest)[:120:2]),
        ):
            for row in rows:
                file = io.BytesIO()
                Image.fromarray(part.images[row]).save(file, "PNG")
                archive.writestr(prefix.format(EXPRESSIONS[part.labels[row]], row), file.getvalue())
    return path


@pytest.fixture(scope="module")
def mobile(small: Path, root: Path, on_backend) -> Mobile:
    need(*EXPORT)
    right = small.with_name("right")
    made = on_backend("tensorflow", make_mobile, root / "artifacts" / "baseline_cnn" / "model.keras", small, right)
    return Mobile(right / "baseline_cnn" / "mobile", *made)


@pytest.fixture(scope="module")
def mediapipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with mediapipe and nothing it depends on, since its OpenCV would take the place of the headless one."""
    folder = tmp_path_factory.mktemp("mediapipe")
    if importlib.util.find_spec("mediapipe") is None:
        pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-compile", "--target", folder]
        done = subprocess.run([*pip, "mediapipe>=1.2,<2"], capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"pip cannot install mediapipe: {done.stderr.strip().splitlines()[-1]}")
    return folder


@pytest.fixture(scope="module")
def faces(small: Path) -> np.ndarray:
    """Test images in light of random colours, uint8 `[12, 48, 48, 3]`."""
    images = load_dataset(small).subset("test").images[::5, ..., None]
    return (images * np.random.default_rng(5).uniform(0.5, 1, (len(images), 1, 1, 3))).astype(np.uint8)


def gray(images: np.ndarray) -> np.ndarray:
    return (images @ np.array([0.299, 0.587, 0.114])).astype(np.float32)


def answers(path: Path, images: np.ndarray) -> np.ndarray:
    """LiteRT, image by image, without the package under test."""
    interpreter = pytest.importorskip("ai_edge_litert.interpreter").Interpreter(str(path))
    interpreter.allocate_tensors()
    (image,), (probabilities,) = interpreter.get_input_details(), interpreter.get_output_details()
    found = []
    for one in images:
        interpreter.set_tensor(image["index"], one[None].astype(image["dtype"]))
        interpreter.invoke()
        found.append(interpreter.get_tensor(probabilities["index"])[0])
    return np.array(found)


@slow
def test_input_and_output(mobile: Mobile) -> None:
    interpreter = pytest.importorskip("ai_edge_litert.interpreter")
    for precision, file in FILES.items():
        model = interpreter.Interpreter(str(mobile.folder / file))
        (image,), (probabilities,) = model.get_input_details(), model.get_output_details()
        assert image["dtype"] == (np.uint8 if precision == "int8" else np.float32)
        assert [*image["shape"]] == [*image["shape_signature"]] == [1, 48, 48, 3]
        assert [*probabilities["shape_signature"]] == [1, 7]
        assert probabilities["dtype"] == np.float32
        (signature,) = model.get_signature_list().values()
        assert signature == {"inputs": ["image"], "outputs": ["probabilities"]}
        names = [tensor["name"] for tensor in model.get_tensor_details() if tensor["name"]]
        assert len(names) == len(set(names))


@slow
@pytest.mark.parametrize("precision", FILES)
def test_answers_are_those_of_the_classifier_on_the_gray_image(
    mobile: Mobile, faces: np.ndarray, precision: str
) -> None:
    expected = load_classifier(f"baseline_cnn:tflite:{precision}").predict_proba(gray(faces))
    assert len(set(expected.argmax(1))) >= 3
    # Other images calibrated the zoo's file, so that weights are rounded otherwise.
    tolerance = {"fp32": 1e-5, "fp16": 5e-3, "int8": 0.2}[precision]
    np.testing.assert_allclose(answers(mobile.folder / FILES[precision], faces), expected, atol=tolerance)


@slow
@pytest.mark.parametrize("precision", FILES)
def test_the_changes_to_the_graph_leave_its_answers_alone(faces: np.ndarray, precision: str, tmp_path: Path) -> None:
    flatbuffer = pytest.importorskip("export.flatbuffer")
    phone = pytest.importorskip("export.phone")
    classifier = load_classifier(f"baseline_cnn:tflite:{precision}")
    model = flatbuffer.load(classifier.path)
    phone.take_rgb(model, integers=precision == "int8")
    flatbuffer.save(model, tmp_path / "model.tflite")
    whole = np.round(gray(faces))[..., None].repeat(3, -1)
    expected = classifier.predict_proba(whole[..., 0])
    np.testing.assert_allclose(answers(tmp_path / "model.tflite", whole), expected, atol=2e-4)


@slow
def test_dense_int8_layers_have_one_scale(mobile: Mobile) -> None:
    interpreter = pytest.importorskip("ai_edge_litert.interpreter").Interpreter(str(mobile.folder / FILES["int8"]))
    tensors = {tensor["index"]: tensor for tensor in interpreter.get_tensor_details()}
    dense = [o for o in interpreter._get_ops_details() if o["op_name"] == "FULLY_CONNECTED"]
    assert len(dense) == 2
    for operation in dense:
        weights = tensors[operation["inputs"][1]]
        assert weights["dtype"] == np.int8
        assert len(weights["quantization_parameters"]["scales"]) == 1


@slow
def test_labels_and_facts_inside_and_beside_the_files(mobile: Mobile) -> None:
    metadata = pytest.importorskip("export.metadata")
    facts = json.loads((mobile.folder / "mobile.json").read_text())
    assert facts["labels"] == list(EXPRESSIONS)
    assert [entry["file"] for entry in facts["files"]] == list(FILES.values())
    labels = {"labels.txt": EXPRESSIONS, "labels_id.txt": EXPRESSIONS_INDONESIAN}
    assert {path.name for path in mobile.folder.iterdir()} == {*FILES.values(), *labels, "mobile.json", "README.md"}
    card = (mobile.folder / "README.md").read_text()
    for words in ("An expression is not an emotion", "Article 5", "FER2013 has terms of its own"):
        assert words in card
    for entry in facts["files"]:
        path = mobile.folder / entry["file"]
        assert (entry["sha256"], entry["bytes"]) == (sha256(path), path.stat().st_size)
        assert set(entry["parity"]) == {"gray", "tinted"}
        assert f"[{path.name}]({path.name})" in card
        inside = metadata.read(path)
        assert inside["input"] == entry["input"]
        assert inside["input"]["shape"] == [1, 48, 48, 3]
        assert inside["sha256_of_keras_original"] == facts["sha256_of_keras_original"]
        with zipfile.ZipFile(path) as archive:
            assert archive.testzip() is None
            assert {name: archive.read(name).decode().split() for name in archive.namelist()} == {
                name: list(words) for name, words in labels.items()
            }
    for name, words in labels.items():
        assert (mobile.folder / name).read_text().split() == list(words)


@slow
def test_mediapipe_gives_the_scores_of_the_classifier(
    mobile: Mobile, faces: np.ndarray, mediapipe: Path, root: Path, tmp_path: Path
) -> None:
    np.save(tmp_path / "faces.npy", faces)
    script = root / "tests" / "export" / "classify_with_mediapipe.py"
    done = subprocess.run(
        [sys.executable, script, tmp_path / "faces.npy", *(mobile.folder / file for file in FILES.values())],
        env=os.environ | {"PYTHONPATH": str(mediapipe)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for precision, found in zip(FILES, json.loads(done.stdout), strict=True):
        scores = np.zeros((len(faces), len(EXPRESSIONS)))
        for row, categories in zip(scores, found, strict=True):
            for index, name, indonesian, score in categories:
                assert (name, indonesian) == (EXPRESSIONS[index], EXPRESSIONS_INDONESIAN[index])
                row[index] = score
        np.testing.assert_allclose(scores, answers(mobile.folder / FILES[precision], faces), atol=1e-3)
        if precision == "fp32":
            expected = load_classifier(f"baseline_cnn:tflite:{precision}").predict_proba(gray(faces))
            np.testing.assert_allclose(scores, expected, atol=1e-5)
            np.testing.assert_array_equal([best[0][0] for best in found], expected.argmax(1))


@slow
def test_exchanged_colours_miss_the_gate_and_publish_nothing(mobile: Mobile) -> None:
    assert mobile.exit_codes == [1, 0, 2, 1]
    assert "nothing was written, parity gates are missed: baseline_cnn.tflite on tinted images: " in mobile.errors
    assert "on gray images" not in mobile.errors
    assert mobile.output.count("MISSED") == 1
    assert mobile.output.count("passed") == 7
    wrong = mobile.folder.parent.parent.with_name("wrong")
    assert list(wrong.iterdir()) == []


@slow
def test_a_wrong_model_file_is_one_sentence(mobile: Mobile) -> None:
    errors = [line for line in mobile.errors.splitlines() if line.startswith("error: ")]
    assert "Traceback" not in mobile.errors
    assert len(errors) == 3
    assert "model.keras is another model than" in errors[1]
    assert "text.keras is not a Keras model that can be loaded" in errors[2]


@slow
def test_publishing_another_model_removes_files_for_phones(mobile: Mobile) -> None:
    folder = mobile.folder.parent.parent
    assert (folder.with_name("kept") / "mobile" / FILES["int8"]).exists()
    assert not (folder.with_name("outdated") / "mobile").exists()
    assert mobile.output.count("of another model; make it again with --target mobile") == 1


@slow
def test_the_zoos_own_clients_refuse_files_for_phones(mobile: Mobile) -> None:
    with pytest.raises(FerZooError, match=r"does not fit: it takes images of shape \[\*, 48, 48, 3\]"):
        load_classifier(mobile.folder / FILES["fp32"])
    with pytest.raises(FerZooError, match="does not fit: the model must take float32 images, not uint8"):
        load_classifier(mobile.folder / FILES["int8"])


def test_wrong_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="--target mobile writes TFLite"):
        main(["model.keras", "--target", "mobile", "--formats", "onnx"])
    with pytest.raises(UsageError, match="unpublished does not exist"):
        main(["unpublished", "--target", "mobile"])
    find: Any = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "tensorflow" else find(name))
    with pytest.raises(UsageError, match=r"export needs tensorflow; run `pip install 'fer-zoo\[export\]'`"):
        main(["baseline_cnn", "--target", "mobile"])
