"""Trains voice_nano five times, each time without two speakers, and lets it predict these."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from fer_zoo.console import track
from fer_zoo.contract import VOICE_EXPRESSIONS
from fer_zoo.voice.emodb import FOLDS, Sentence
from fer_zoo.voice.noise import add_noise, with_noise
from fer_zoo.voice.train import VoiceConfig, fit_voice, predict_sentences

CLEAN = "clean"
# Pink noise, or other sentences at once, of which the training has none, so many decibels below the speech.
BABBLE = "voice in babble, 10 dB"
NOISES = {"voice in noise, 20 dB": 20.0, "voice in noise, 10 dB": 10.0, "voice in noise, 0 dB": 0.0, BABBLE: 10.0}
_SEED, _PINK, _TALKERS = 2025, 1.0, 6

# By condition (`CLEAN`, `NOISES`): float32 `[n, classes]`, each row by the model that did not hear its speaker.
Predictions = dict[str, np.ndarray]


def fingerprint(sentences: Sequence[Sentence]) -> str:
    """A key of all samples and labels, in hexadecimal."""
    digest = hashlib.sha256()
    for sentence in sentences:
        digest.update(f"{sentence.name} {sentence.label}\n".encode())
        digest.update(np.round(sentence.samples * 32768).astype("<i4").tobytes())
    return digest.hexdigest()[:16]


def in_fold(sentences: Sequence[Sentence]) -> Iterator[tuple[str, np.ndarray]]:
    """The name of each fold that has sentences, and which sentences are its: bool `[n]`."""
    speakers = np.array([sentence.speaker for sentence in sentences])
    for fold in FOLDS:
        inside = np.isin(speakers, fold)
        if inside.any():
            yield " and ".join(fold), inside


def cross_validate(sentences: Sequence[Sentence], config: VoiceConfig) -> tuple[Predictions, float]:
    """Predictions of every sentence by a model that did not hear its speaker, and the CPU seconds of the trainings."""
    shape = len(sentences), len(VOICE_EXPRESSIONS)
    found: Predictions = {name: np.empty(shape, np.float32) for name in (CLEAN, *NOISES)}
    cpu = 0.0
    for _, inside in track(list(in_fold(sentences)), f"folds, seed {config.seed}"):
        start = time.process_time()
        weights = fit_voice([s for s, held in zip(sentences, inside, strict=True) if not held], config)
        cpu += time.process_time() - start
        held_out = [s for s, held in zip(sentences, inside, strict=True) if held]
        found[CLEAN][inside] = predict_sentences(weights, held_out)
        for name in NOISES:
            found[name][inside] = predict_sentences(weights, in_noise(held_out, name))
    return found, cpu


def in_noise(sentences: Sequence[Sentence], condition: str) -> list[Sentence]:
    """The sentences in one of `NOISES`; babble are six of them, equally loud."""
    generator, decibels = np.random.default_rng(_SEED), NOISES[condition]
    found = []
    for sentence in sentences:
        if condition == BABBLE:
            others = [other.samples for other in sentences if other is not sentence]
            talkers = [np.resize(others[n], len(sentence.samples)) for n in generator.choice(len(others), _TALKERS)]
            babble = np.sum([talker / np.sqrt(np.mean(np.square(talker))) for talker in talkers], axis=0)
            samples = add_noise(sentence.samples, babble, decibels)
        else:
            samples = with_noise(sentence.samples, decibels, _PINK, generator)
        found.append(replace(sentence, samples=samples))
    return found
