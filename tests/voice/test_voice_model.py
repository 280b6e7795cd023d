"""Training, calibration and export of voice_nano, and the one that ships."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

import numpy as np
import pytest
from make_voice import keras_predictions, make_export, make_sentences
from needs import EXPORT, need

from fer_zoo import FerZooError, load_voice
from fer_zoo.contract import VOICE_EXPRESSIONS
from fer_zoo.evaluation.parity import GATES
from fer_zoo.voice.classifier import FOLDER, VoiceClassifier, voice_facts
from fer_zoo.voice.emodb import FOLDS
from fer_zoo.voice.noise import with_noise
from fer_zoo.voice.speech import inputs_of
from fer_zoo.voice.train import (
    VoiceConfig,
    VoiceWeights,
    calibrated,
    fit_temperature,
    fit_voice,
    logits_of,
    parameters,
    predict_sentences,
)
from fer_zoo.zoo import artifacts_dir

SHIPPED = artifacts_dir() / FOLDER
CONFIG = VoiceConfig(speeds=(1.0,), noisy_speeds=(1.1,))


@pytest.fixture(scope="module")
def weights() -> VoiceWeights:
    """Of two speakers."""
    return fit_voice([sentence for sentence in make_sentences() if sentence.speaker not in FOLDS[0]], CONFIG)


def test_it_learns_and_answers_for_speakers_that_it_has_not_heard(weights: VoiceWeights) -> None:
    held_out = [sentence for sentence in make_sentences() if sentence.speaker in FOLDS[0]]
    probabilities = predict_sentences(weights, held_out)
    assert (probabilities.argmax(axis=1) == [sentence.label for sentence in held_out]).mean() > 0.9
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)


def test_keras_computes_what_numpy_does(weights: VoiceWeights, on_backend) -> None:
    inputs = np.concatenate([inputs_of(sentence.samples) for sentence in make_sentences(1)])
    predicted, count, last = on_backend(on_backend.own, keras_predictions, weights, inputs)
    logits = logits_of(weights, inputs)
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    np.testing.assert_allclose(predicted, odds / odds.sum(axis=1, keepdims=True), atol=1e-4)
    assert count == parameters(6) < 200_000
    assert last == ["logits", "probabilities"]


def test_the_same_sentences_give_the_same_weights(weights: VoiceWeights) -> None:
    again = fit_voice([sentence for sentence in make_sentences() if sentence.speaker not in FOLDS[0]], CONFIG)
    np.testing.assert_array_equal(weights.filters, again.filters)
    np.testing.assert_array_equal(weights.kernel, again.kernel)


def test_a_temperature_divides_the_logits(weights: VoiceWeights) -> None:
    inputs = inputs_of(make_sentences(1)[0].samples)
    np.testing.assert_allclose(logits_of(calibrated(weights, 2.0), inputs), logits_of(weights, inputs) / 2, rtol=1e-4)


def test_the_fitted_temperature_is_that_of_the_labels() -> None:
    generator = np.random.default_rng(0)
    logits = generator.normal(0, 2, (4000, 6))
    true = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = np.array([generator.choice(6, p=row) for row in true])
    sharp = np.exp(3 * logits) / np.exp(3 * logits).sum(axis=1, keepdims=True)
    assert fit_temperature(sharp, labels) == pytest.approx(3, rel=0.1)


@pytest.mark.slow
def test_an_export_has_every_file_that_holds_its_gate(made_once, on_backend) -> None:
    need(*EXPORT)
    folder = made_once("voice", lambda target: on_backend("tensorflow", make_export, target)) / "voice_nano"
    facts = voice_facts(folder)
    assert list(facts["files"]) == ["model.keras", "model.onnx", "model.tflite"]
    inputs = np.concatenate([inputs_of(sentence.samples) for sentence in make_sentences(1)])
    answers = [load_voice(folder / name).predict_proba(inputs) for name in ("model.onnx", "model.tflite")]
    np.testing.assert_allclose(*answers, atol=1e-5)
    voice = load_voice(folder / "model.onnx")
    assert (voice.labels, voice.weight, voice.prior.tolist()) == (VOICE_EXPRESSIONS, 0.5, pytest.approx([1 / 6] * 6))
    card = (folder / "README.md").read_text()
    assert "acted German sentences" in card
    assert "Unweighted average recall 55.0% (mean of the seeds: 50.0%, 60.0%" in card
    assert "30.0% (voice in noise, 0 dB)" in card
    assert "Burkhardt" in card
    assert "No recording is shipped" in card


def test_an_export_that_fails_leaves_its_folder_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("tensorflow", "tf2onnx", "ai_edge_litert"):
        pytest.importorskip(package)
    from export import convert, tflite
    from export.voice import export_voice

    def refuse(model: object, path: Path) -> None:
        raise FerZooError("no such operator")

    folder = tmp_path / "voice"
    folder.mkdir()
    (folder / "model.onnx").write_text("an earlier file")
    monkeypatch.setattr(convert, "to_onnx", lambda model, path: shutil.copyfile(SHIPPED / "model.onnx", path))
    monkeypatch.setattr(tflite, "to_tflite", refuse)
    with pytest.raises(FerZooError, match="no such operator"):
        export_voice(SHIPPED, folder, make_sentences(1))
    assert {path.name: path.read_text() for path in folder.iterdir()} == {"model.onnx": "an earlier file"}
    assert list(tmp_path.iterdir()) == [folder]


def test_the_shipped_files_are_those_of_voice_json_and_hold_their_gates() -> None:
    facts = voice_facts(SHIPPED)
    assert facts["params"] < 200_000
    assert np.mean(list(facts["measured"]["recall_mean_of_seeds"].values())) > 0.7
    for name, file in facts["files"].items():
        path = SHIPPED / name
        assert path.stat().st_size == file["bytes"] < 1_000_000
        if "parity" in file:
            assert file["parity"]["n"] == facts["measured"]["n"]
            assert file["parity"]["argmax_agreement"] >= GATES[file["precision"]].min_argmax_agreement
    assert not list(SHIPPED.glob("*.wav"))


def test_the_shipped_files_answer_alike() -> None:
    sounds = np.concatenate([inputs_of(sentence.samples) for sentence in make_sentences(1)])
    exact = load_voice().predict_proba(sounds)
    np.testing.assert_allclose(exact.sum(axis=1), 1, atol=1e-5)
    for name in voice_facts(SHIPPED)["files"]:
        if name.endswith(".tflite") and importlib.util.find_spec("ai_edge_litert") is None:
            continue
        if not name.endswith(".keras"):
            answers = load_voice(SHIPPED / name).predict_proba(sounds)
            assert np.abs(answers - exact).max() < 0.02


def test_sentences_in_quiet_and_in_noise(shared: Path) -> None:
    """The shipped model has heard them; of the features, the reader and the file, none may have changed."""
    pytest.importorskip("av")
    from fer_zoo.voice.emodb import read_emodb

    if not (shared / "voices" / "emodb.zip").is_file():
        pytest.skip("../shared/voices/emodb.zip is not here")
    sentences = read_emodb(shared / "voices" / "emodb.zip")[::8]
    voice, labels = load_voice(), np.array([sentence.label for sentence in sentences])
    generator = np.random.default_rng(0)
    for decibels, least in ((60, 0.7), (10, 0.5)):
        sounds = [with_noise(sentence.samples, decibels, 1, generator) for sentence in sentences]
        found = np.stack([voice.predict_proba(inputs_of(sound)).mean(axis=0) for sound in sounds])
        right = (found.argmax(axis=1) == labels).mean()
        assert right > least
        # In noise it was much surer than it was right.
        assert found.max(axis=1).mean() < right + 0.05


def test_a_file_that_is_no_voice_model_says_so(root: Path, tmp_path: Path) -> None:
    with pytest.raises(FerZooError, match="is no voice model"):
        VoiceClassifier(root / "artifacts" / "fernet_nano" / "model.onnx")
    with pytest.raises(FerZooError, match="there is no voice model"):
        load_voice(tmp_path / "model.onnx")
    (tmp_path / "model.onnx").write_bytes((SHIPPED / "model.onnx").read_bytes()[:-1] + b"x")
    (tmp_path / "voice.json").write_text((SHIPPED / "voice.json").read_text())
    with pytest.raises(FerZooError, match="sha256 differs"):
        load_voice(tmp_path / "model.onnx")
