"""The tables of voices and of simulated pairs, of made predictions."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("sklearn")

from make_voice import make_sentences

from benchmarks.table import read_record, write_record
from benchmarks.voice import folds, measure
from benchmarks.voice.baselines import linear_predictions, pooled
from benchmarks.voice.page import to_markdown
from benchmarks.voice.pairs import WRONG_VOICE, Faces, calibrated_on_others, fit_weight, measure_pairs
from benchmarks.voice.plot import plot_voice
from benchmarks.voice.rows import VoiceReport
from fer_zoo.contract import VOICE_EXPRESSIONS
from fer_zoo.voice.train import VoiceConfig

SENTENCES = make_sentences(3, 0.5)
LABELS = np.array([sentence.label for sentence in SENTENCES])


def _predictions(labels: np.ndarray, strength: float, seed: int) -> np.ndarray:
    """Calibrated predictions: each logit is the log-likelihood of a noisy observation of the label."""
    seen = np.eye(6)[labels] * strength + np.random.default_rng(seed).normal(0, 1, (len(labels), 6))
    odds = np.exp(strength * (seen - seen.max(axis=1, keepdims=True)))
    return (odds / odds.sum(axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def faces() -> Faces:
    labels = np.repeat(np.arange(6), 50)
    return Faces(labels, _predictions(labels, 2.0, 1), _predictions(labels, 0.5, 2))


@pytest.fixture(scope="module")
def voices() -> folds.Predictions:
    noisy = {name: _predictions(LABELS, 0.3, 3) for name in folds.NOISES}
    return {folds.CLEAN: _predictions(LABELS, 1.5, 4)} | noisy


def test_two_sides_that_know_something_know_more_together(faces: Faces, voices: folds.Predictions) -> None:
    rows, weights = measure_pairs(faces, faces, voices, SENTENCES)
    found = {(row.condition, row.source): row for row in rows}
    clean = {source: found["clean", source] for source in ("face", "voice", "fused")}
    assert clean["fused"].accuracy > max(clean["face"].accuracy, clean["voice"].accuracy) + 0.03
    assert clean["fused"].nll < clean["face"].nll
    assert found[WRONG_VOICE, "fused"].accuracy < clean["face"].accuracy
    assert found[WRONG_VOICE, "face"].accuracy == clean["face"].accuracy
    assert list(weights) == ["03 and 08", "10 and 09"]
    assert clean["fused"].n == 600


def test_the_weight_of_a_calibrated_voice_is_about_1_and_that_of_noise_about_0(faces: Faces) -> None:
    labels = np.repeat(np.arange(6), 200)
    voice = _predictions(labels, 1.5, 5)
    assert fit_weight(faces, voice, labels) == pytest.approx(1, abs=0.2)
    assert fit_weight(faces, np.random.default_rng(0).permutation(voice), labels) < 0.1
    # A voice that is twice as sure as it should be counts half.
    sharp = voice**2 / (voice**2).sum(axis=1, keepdims=True)
    assert fit_weight(faces, sharp, labels) == pytest.approx(0.5, abs=0.1)


def test_calibration_looks_at_other_speakers_only(voices: folds.Predictions) -> None:
    changed = {name: values.copy() for name, values in voices.items()}
    first = np.array([sentence.speaker in ("03", "08") for sentence in SENTENCES])
    changed["clean"][first] = np.roll(changed["clean"][first], 1, axis=1)
    before, after = (calibrated_on_others(values, SENTENCES)["clean"] for values in (voices, changed))
    np.testing.assert_allclose(np.roll(before[first], 1, axis=1), after[first], atol=1e-6)


def test_linear_models_are_measured_on_speakers_that_they_did_not_see() -> None:
    features = pooled(SENTENCES)
    assert features.shape == (len(SENTENCES), 256)
    classes, probabilities = linear_predictions(features, SENTENCES)
    assert (classes == LABELS).mean() > 0.9
    assert probabilities is not None
    assert (probabilities.argmax(axis=1) == classes).all()
    speakers = np.array([float(sentence.speaker) for sentence in SENTENCES])[:, None]
    assert (linear_predictions(speakers, SENTENCES, machine=True)[0] == LABELS).mean() < 0.4


@pytest.mark.parametrize("condition", ["voice in noise, 20 dB", folds.BABBLE])
def test_noise_has_the_power_that_it_is_said_to_have(condition: str) -> None:
    for quiet, noisy in zip(SENTENCES[:3], folds.in_noise(SENTENCES[:10], condition), strict=False):
        noise = noisy.samples - quiet.samples
        ratio = 10 * np.log10(np.mean(quiet.samples**2) / np.mean(noise**2))
        assert ratio == pytest.approx(folds.NOISES[condition], abs=0.1)


@pytest.mark.usefixtures("undrawn")
def test_the_report(faces: Faces, voices: folds.Predictions, monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(measure, "cross_validate", lambda sentences, config: (voices, 60.0))
    monkeypatch.setattr(measure, "predict_faces", lambda dataset, split, classifier: faces)
    classifier = type("Named", (), {"path": tmp_path / "fernet_base" / "model.onnx"})()
    report = measure.measure(SENTENCES, "tones", VoiceConfig(), seeds=(0, 1), dataset=object(), classifier=classifier)
    write_record(tmp_path / "voice.json", report)
    assert read_record(tmp_path / "voice.json", VoiceReport) == report
    [first, second, quiet, _, *linear] = report.voices
    assert (first.model, first.seed, second.seed) == ("voice_nano", 0, 1)
    assert (quiet.model, quiet.seed) == ("voice_nano, trained in quiet alone", 0)
    low, high = first.recall_mean_interval
    assert low <= first.recall_mean <= high
    assert first.recall_mean == pytest.approx(np.mean([first.recall[name] for name in VOICE_EXPRESSIONS]))
    assert [row.model for row in linear] == ["pooled log-mel, logistic regression", "pooled log-mel, linear SVM"]
    page = to_markdown(report)
    assert page.startswith("**The pairs of faces and voices on this page are simulated**")
    assert "voice of another expression" in page
    assert "some 30 combinations" in page
    mean = 50 * (first.recall_mean + second.recall_mean)
    assert f"**The mean over the seeds is {mean:.1f} % for voice_nano, and " in page
    assert "| **voice_nano**, seed 1 |" in page
    assert "`fused` is worse than the face alone by" in page
    assert first.noises is not None
    assert first.noises["voice in noise, 0 dB"] < first.recall_mean
    axes = plot_voice(report).axes
    assert len(axes) == 2
    # Eight conditions share the width of the figure.
    assert max(len(line) for label in axes[1].get_xticklabels() for line in label.get_text().splitlines()) <= 12
