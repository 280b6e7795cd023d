from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fer_zoo.contract import EXPRESSIONS
from fer_zoo.errors import FerZooError, UsageError
from fer_zoo.files import sha256
from fer_zoo.inference import load_classifier
from fer_zoo.zoo import Artifact, update_manifest

FILES = {"onnx": "onnxruntime", "tflite": "litert", "keras": "keras"}


@pytest.fixture(scope="module")
def faces() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (9, 48, 48), dtype=np.uint8)


@pytest.mark.parametrize("suffix", FILES)
def test_every_runtime_gives_the_same_probabilities(model_files, faces, suffix):
    reference = load_classifier(model_files / "model.onnx").predict_proba(faces)
    classifier = load_classifier(model_files / f"model.{suffix}")
    probabilities = classifier.predict_proba(faces)
    assert (classifier.runtime, classifier.labels) == (FILES[suffix], EXPRESSIONS)
    assert classifier.input_shape == (None, 48, 48, 1)
    assert (probabilities.shape, probabilities.dtype) == ((9, 7), np.float32)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(probabilities, reference, atol=1e-5)
    assert np.ptp(reference, axis=0).max() > 0.01


@pytest.mark.parametrize("suffix", ["onnx", "tflite"])
def test_the_batch_size_changes_nothing(model_files, faces, suffix):
    classifier = load_classifier(model_files / f"model.{suffix}")
    whole = classifier.predict_proba(faces)
    for batch_size in (1, 2, 7, 9):
        np.testing.assert_allclose(classifier.predict_proba(faces, batch_size), whole, atol=1e-6)


def test_the_mirror_image_counts_as_much(model_files, faces):
    classifier = load_classifier(model_files / "model.onnx")
    plain, other = classifier.predict_proba(faces), classifier.predict_proba(faces[:, :, ::-1])
    assert np.abs(plain - other).max() > 1e-3
    np.testing.assert_allclose(classifier.predict_proba(faces, tta="mirror"), (plain + other) / 2, atol=1e-6)
    np.testing.assert_allclose(classifier.predict_proba(faces[0], tta="mirror"), (plain + other)[:1] / 2, atol=1e-6)


def test_ten_crops_are_the_five_shifts_and_their_mirror_images(model_files, faces):
    classifier = load_classifier(model_files / "model.onnx")
    padded = np.pad(faces, ((0, 0), (2, 2), (2, 2)), mode="edge")
    shifted = [padded[:, y : y + 48, x : x + 48] for y, x in ((2, 2), (0, 0), (0, 4), (4, 0), (4, 4))]
    answers = [classifier.predict_proba(crop[:, :, ::turn]) for crop in shifted for turn in (1, -1)]
    np.testing.assert_allclose(classifier.predict_proba(faces, tta="ten-crop"), np.mean(answers, axis=0), atol=1e-6)
    with pytest.raises(UsageError, match="no test-time augmentation 'five'; there are mirror and ten-crop"):
        classifier.predict_proba(faces, tta="five")


def test_one_face_a_channel_and_floats_are_the_same_image(model_files, faces):
    classifier = load_classifier(model_files / "model.onnx")
    whole = classifier.predict_proba(faces)
    np.testing.assert_array_equal(classifier.predict_proba(faces[..., None]), whole)
    np.testing.assert_array_equal(classifier.predict_proba(faces.astype(np.float64)), whole)
    np.testing.assert_allclose(classifier.predict_proba(faces[3]), whole[3:4], atol=1e-6)
    assert classifier.predict_proba(faces[:0]).shape == (0, 7)


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (np.zeros((2, 64, 64), np.uint8), r"\[2, 64, 64, 1\]"),
        (np.zeros((2, 48, 48, 3), np.uint8), r"\[2, 48, 48, 3\]"),
        (np.zeros(48, np.uint8), "shape"),
        (np.zeros((1, 48, 48), bool), "not bool"),
        (np.full((1, 48, 48), "x"), "0..255"),
        (np.full((1, 48, 48), 256.0), r"0\.\.255, not 256\.0\.\.256\.0"),
        (np.full((1, 48, 48), -1), r"not -1\.\.-1"),
        (np.full((1, 48, 48), np.nan), "nan"),
    ],
)
def test_images_that_do_not_fit_are_refused(model_files, images, words):
    with pytest.raises(UsageError, match=words):
        load_classifier(model_files / "model.onnx").predict_proba(images)


def test_images_scaled_to_one_bring_a_warning(model_files, faces):
    with pytest.warns(UserWarning, match=r"scaled to 0\.\.1"):
        load_classifier(model_files / "model.onnx").predict_proba(faces / 255)


def test_labels_come_from_the_file(model_files):
    assert load_classifier(model_files / "other_labels.onnx").labels == ("contempt", "b", "c", "d", "e", "f", "g")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("input_64.onnx", r"takes images of shape \[\*, 64, 64, 1\], not \[\*, 48, 48, 1\]"),
        ("input_rgb.tflite", r"takes images of shape \[\*, 48, 48, 3\]"),
        ("input_rgb.keras", r"takes images of shape \[\*, 48, 48, 3\]"),
        ("output_5.onnx", r"has 5 outputs, and neither the file nor a manifest.json .* names their labels"),
    ],
)
def test_a_model_of_another_shape_says_which(model_files, name, words):
    with pytest.raises(FerZooError, match=words) as caught:
        load_classifier(model_files / name)
    assert caught.value.exit_code == 1


@pytest.mark.parametrize("suffix", FILES)
@pytest.mark.parametrize("content", ["empty", "text", "truncated", "another format"])
def test_a_damaged_model_is_one_sentence(model_files, tmp_path, suffix, content):
    other = "tflite" if suffix == "onnx" else "onnx"
    data = {
        "empty": b"",
        "text": b"a text file\n" * 9,
        "truncated": (model_files / f"model.{suffix}").read_bytes()[:200_000],
        "another format": (model_files / f"model.{other}").read_bytes(),
    }[content]
    path = tmp_path / f"damaged.{suffix}"
    path.write_bytes(data)
    with pytest.raises(FerZooError, match=r"damaged|empty") as caught:
        load_classifier(path)
    assert caught.value.exit_code == 1
    assert "\n" not in str(caught.value)


def test_paths_that_are_no_model_file(tmp_path):
    (tmp_path / "notes.txt").write_text("x")
    for path, words in (
        (tmp_path / "none.onnx", "there is no model"),
        (tmp_path, "is a folder"),
        (tmp_path / "notes.txt", r"must end in \.keras, \.onnx, \.tflite"),
    ):
        with pytest.raises(UsageError, match=words):
            load_classifier(path)


def test_threads_and_batch_size_must_be_positive(model_files, faces):
    with pytest.raises(UsageError, match="threads must be at least 1"):
        load_classifier(model_files / "model.onnx", threads=0)
    with pytest.raises(UsageError, match="batch size must be at least 1"):
        load_classifier(model_files / "model.onnx").predict_proba(faces, batch_size=0)


@pytest.mark.parametrize(
    ("suffix", "module", "words"),
    [
        ("onnx", "onnxruntime", "pip install onnxruntime"),
        ("tflite", "ai_edge_litert.interpreter", r"pip install 'fer-zoo\[litert\]'"),
    ],
)
def test_a_runtime_that_is_not_installed_names_the_command(model_files, monkeypatch, suffix, module, words):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UsageError, match=words):
        load_classifier(model_files / f"model.{suffix}")


@pytest.fixture
def manifest(model_files, tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("FER_ZOO_ARTIFACTS", str(tmp_path))
    (tmp_path / "tiny").mkdir()
    for name in ("model.onnx", "model.tflite"):
        (tmp_path / "tiny" / name).write_bytes((model_files / name).read_bytes())
    entries = [("onnx", "fp32", "model.onnx"), ("onnx", "int8", "gone.onnx"), ("tflite", "fp32", "model.tflite")]
    for format, precision, name in entries:
        path = tmp_path / "tiny" / name
        digest = sha256(path) if path.exists() else "0" * 64
        update_manifest([Artifact("tiny", format, precision, f"tiny/{name}", digest, 0, 0, 0, "jax")])
    return tmp_path


def test_a_name_means_its_exact_onnx_file_unless_told(manifest):
    assert load_classifier("tiny").path == manifest / "tiny" / "model.onnx"
    assert load_classifier("tiny:tflite").path == manifest / "tiny" / "model.tflite"
    assert load_classifier("tiny:tflite:fp32").path == manifest / "tiny" / "model.tflite"


def test_a_name_that_is_not_there_says_what_is(manifest):
    for name in ("tiny:keras", "tiny:onnx:fp16"):
        with pytest.raises(UsageError, match=r"tiny has tiny:onnx:fp32, tiny:onnx:int8, tiny:tflite:fp32"):
            load_classifier(name)
    with pytest.raises(UsageError, match=r"there is no model 'tinny'; did you mean tiny[?] `fer-zoo models` lists all"):
        load_classifier("tinny")
    with pytest.raises(UsageError, match="tiny:onnx:int8 is not on this machine"):
        load_classifier("tiny:onnx:int8")


def _fresh(code: str, *arguments: object) -> str:
    """What a fresh process prints."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


def test_an_onnx_prediction_imports_nothing_heavy(model_files):
    loaded = _fresh(
        "import json, sys, numpy\n"
        "from fer_zoo.inference import load_classifier, read_image\n"
        "load_classifier(sys.argv[1]).predict_proba(numpy.zeros((48, 48), numpy.uint8))\n"
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))",
        model_files / "model.onnx",
    )
    heavy = {"keras", "tensorflow", "jax", "torch", "sklearn", "scipy", "matplotlib", "cv2", "onnx", "ai_edge_litert"}
    assert heavy.isdisjoint(json.loads(loaded))


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="counts threads in /proc")
@pytest.mark.parametrize("suffix", ["onnx", "tflite"])
def test_the_runtime_has_as_many_threads_as_told(model_files, suffix):
    code = (
        "import os, sys, numpy\n"
        "from fer_zoo.inference import load_classifier\n"
        "load = lambda threads: load_classifier(sys.argv[1], threads=threads)\n"
        "images, count = numpy.zeros((4, 48, 48), numpy.uint8), lambda: len(os.listdir('/proc/self/task'))\n"
        "one = load(1); one.predict_proba(images); before = count()\n"
        "three = load(3); three.predict_proba(images); print(count() - before)"
    )
    assert _fresh(code, model_files / f"model.{suffix}").strip() == "2"
