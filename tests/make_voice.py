"""Sentences made of tones, a model that was trained on them, and its files. Runs in a process with Keras."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np

from fer_zoo.contract import VOICE_EXPRESSIONS
from fer_zoo.voice.emodb import FOLDS, Sentence
from fer_zoo.voice.features import RATE
from fer_zoo.voice.train import VoiceConfig, VoiceWeights, fit_voice


def make_sentences(count: int = 2, seconds: float = 1.5) -> list[Sentence]:
    """For each of four speakers `count` sentences of each expression: a rising or falling tone of its own pitch."""
    generator = np.random.default_rng(0)
    time = np.arange(round(seconds * RATE)) / RATE
    sentences = []
    for speaker in (*FOLDS[0], *FOLDS[1]):
        for label in range(len(VOICE_EXPRESSIONS)):
            for number in range(count):
                pitch = 200 * 1.6**label * generator.uniform(0.95, 1.05)
                sound = 0.3 * np.sin(2 * np.pi * pitch * time * (1 + 0.05 * time))
                sound += generator.normal(0, 1e-3, len(time))
                name = f"{speaker}a0{number}{'WEAFNT'[label]}a.wav"
                sentences.append(Sentence(name, speaker, f"a0{number}", label, sound.astype(np.float32)))
    return sentences


def keras_predictions(weights: VoiceWeights, inputs: np.ndarray) -> tuple[np.ndarray, int, list[str]]:
    """What the Keras model with these weights predicts, its number of weights, and its last two layers."""
    from fer_zoo.inference.predictor import Predictor
    from fer_zoo.voice.model import voice_nano

    model = voice_nano(weights=weights)
    return Predictor(model)(inputs), model.count_params(), [layer.name for layer in model.layers[-2:]]


def make_export(folder: Path) -> dict:
    """Export a model as `python -m benchmarks voice --train` leaves one; what `voice.json` has."""
    from export.voice import export_voice
    from fer_zoo.voice.model import voice_nano
    from fer_zoo.zoo.keras_file import save_keras

    model = voice_nano(weights=fit_voice(make_sentences(1), VoiceConfig(speeds=(1.0,))))
    run = folder / "run"
    run.mkdir()
    save_keras(model, run / "model.keras", VOICE_EXPRESSIONS)
    facts = {
        "model": "voice_nano",
        "labels": list(VOICE_EXPRESSIONS),
        "input": {"name": "log_mel", "shape": [None, 128, 64, 1], "dtype": "float32", "range": [0, 1]},
        "params": model.count_params(),
        "data": "tones",
        "license": "MIT",
        "config": asdict(VoiceConfig()),
        "temperature": 1.5,
        "weight": 0.5,
        "measured": {
            "n": 24,
            "seconds": 1.5,
            "recall_mean": 0.5,
            "recall_mean_interval": [0.4, 0.6],
            "recall": dict.fromkeys(VOICE_EXPRESSIONS, 0.5),
            "recall_mean_of_seeds": {"0": 0.5, "1": 0.6},
            "recall_mean_in_noise": {"voice in noise, 0 dB": 0.3},
        },
        "source": "a test",
    }
    (run / "voice.json").write_text(json.dumps(facts))
    return export_voice(run, folder / "voice_nano", make_sentences(1))
