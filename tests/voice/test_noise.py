"""Noise that is put behind a voice."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from make_voice import make_sentences

from fer_zoo.voice.features import RATE
from fer_zoo.voice.noise import with_noise
from fer_zoo.voice.train import VoiceConfig, fit_voice, predict_sentences


@pytest.mark.parametrize("exponent", [0, 1, 2])
def test_the_power_falls_as_the_exponent_says(exponent: int) -> None:
    tone = np.sin(np.arange(4 * RATE) / 5)
    noise = with_noise(tone, -10, exponent, np.random.default_rng(0)) - tone
    power = np.abs(np.fft.rfft(noise)) ** 2
    # Octaves above 250 Hz and above 2 kHz: three octaves apart.
    low, high = power[1000:2000].mean(), power[8000:16000].mean()
    assert np.log2(low / high) == pytest.approx(3 * exponent, abs=0.2)


def test_who_learned_in_noise_understands_more_in_noise() -> None:
    """And what is heard in noise depends on the seed."""
    sentences, generator = make_sentences(1), np.random.default_rng(0)
    labels = np.array([sentence.label for sentence in sentences])
    noisy = [replace(each, samples=with_noise(each.samples, 5, 1, generator)) for each in sentences]
    quiet, both = VoiceConfig(speeds=(1.0,), noisy_speeds=()), VoiceConfig(speeds=(1.0,), noisy_speeds=(1.0,))
    found = [predict_sentences(fit_voice(sentences, config), noisy) for config in (quiet, both, replace(both, seed=1))]
    truth = [np.log(values[np.arange(len(labels)), labels] + 1e-9).mean() for values in found]
    assert truth[1] > truth[0] + 0.5
    assert np.abs(found[1] - found[2]).max() > 1e-4
