from __future__ import annotations

import numpy as np
import pytest

from fer_zoo.voice import SpeechConfig, find_speech
from fer_zoo.voice.features import FRAMES, MELS, RATE, WINDOW
from fer_zoo.voice.speech import inputs_of, spoken, windows_of


def test_speech_is_found_where_it_is(speech: np.ndarray) -> None:
    found = [(begin / RATE, end / RATE) for begin, end in find_speech(speech)]
    assert found == [pytest.approx((1, 3), abs=0.03), pytest.approx((4.5, 5.5), abs=0.03)]


def test_a_short_pause_does_not_interrupt(speech: np.ndarray) -> None:
    assert len(find_speech(speech, SpeechConfig(pause=2.0))) == 1


def test_clicks_and_silence_are_no_speech() -> None:
    assert find_speech(np.zeros(RATE, np.float32)) == []
    assert find_speech(np.zeros(10, np.float32)) == []
    click = np.zeros(3 * RATE, np.float32)
    click[RATE : RATE + 800] = np.random.default_rng(0).normal(0, 0.5, 800)
    assert find_speech(click) == []


def test_speech_without_a_pause_is_speech(speech: np.ndarray) -> None:
    assert find_speech(speech[RATE + 800 : 3 * RATE - 800]) == [(0, 2 * RATE - 1600 - (2 * RATE - 1600) % 256)]


def test_hum_is_no_speech(speech: np.ndarray) -> None:
    hum = 0.05 * np.sin(2 * np.pi * 50 * np.arange(len(speech)) / RATE).astype(np.float32)
    found = [(begin / RATE, end / RATE) for begin, end in find_speech(speech + hum)]
    assert found == [pytest.approx((1, 3), abs=0.03), pytest.approx((4.5, 5.5), abs=0.03)]


def test_windows_stay_in_their_stretch_and_cover_it() -> None:
    windows = windows_of([(1000, 1000 + 3 * RATE), (80_000, 90_000)], SpeechConfig(hop=0.5))
    starts = [1000, 9000, 1000 + 3 * RATE - WINDOW]
    assert windows == [*((start, start + WINDOW) for start in starts), (80_000, 90_000)]


def test_a_recording_is_cut_to_its_speech(speech: np.ndarray) -> None:
    assert len(spoken(speech)) / RATE == pytest.approx(4.5, abs=0.05)
    assert inputs_of(speech).shape == (6, FRAMES, MELS, 1)
    silence = np.zeros(5000, np.float32)
    assert spoken(silence) is silence
    assert inputs_of(silence).shape == (1, FRAMES, MELS, 1)
