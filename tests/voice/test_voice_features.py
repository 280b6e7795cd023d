from __future__ import annotations

import numpy as np
import pytest

from fer_zoo.voice.features import (
    FRAME,
    FRAMES,
    HOP,
    MELS,
    RATE,
    WINDOW,
    log_mel,
    mel_filters,
    mel_powers,
    to_model,
)


def test_a_tone_is_in_the_band_around_it() -> None:
    for hertz in (200, 1000, 4000):
        sound = np.sin(2 * np.pi * hertz * np.arange(RATE) / RATE).astype(np.float32)
        band = int(mel_powers(sound).mean(axis=0).argmax())
        centre = np.average(np.arange(FRAME // 2 + 1), weights=mel_filters()[:, band]) * RATE / FRAME
        assert centre == pytest.approx(hertz, rel=0.1)


def test_frames_are_those_that_are_whole() -> None:
    assert mel_powers(np.zeros(FRAME, np.float32)).shape == (1, MELS)
    assert mel_powers(np.zeros(FRAME + HOP - 1, np.float32)).shape == (1, MELS)
    assert mel_powers(np.zeros(WINDOW, np.float32)).shape == (FRAMES, MELS)


def test_every_band_reads_some_bin() -> None:
    assert (mel_filters().sum(axis=0) > 0).all()
    assert mel_filters().max() <= 1


def test_loudness_does_not_count() -> None:
    sound = np.random.default_rng(0).normal(0, 0.1, WINDOW).astype(np.float32)
    np.testing.assert_allclose(log_mel(sound), log_mel(sound / 50), atol=1e-5)
    assert log_mel(sound).max() == 1


def test_80_decibels_below_the_loudest_is_silence() -> None:
    powers = np.ones((FRAMES, MELS), np.float32)
    powers[0, :3] = 1e-4, 1e-8, 1e-9
    assert to_model(powers)[0, :4, 0].tolist() == pytest.approx([0.5, 0, 0, 1])


def test_a_short_sound_is_repeated_and_silence_is_finite() -> None:
    sound = np.random.default_rng(0).normal(0, 0.1, WINDOW // 4).astype(np.float32)
    np.testing.assert_array_equal(log_mel(sound), log_mel(np.tile(sound, 4)))
    assert np.isfinite(log_mel(np.zeros(100, np.float32))).all()
    assert log_mel(sound).dtype == np.float32
