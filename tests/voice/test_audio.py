from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fer_zoo.errors import FerZooError
from fer_zoo.voice import read_audio
from fer_zoo.voice.features import RATE

pytest.importorskip("av")


def test_any_rate_and_channels_become_mono_at_one_rate(write_sound, tmp_path: Path) -> None:
    time = np.arange(44_100) / 44_100
    left = 0.5 * np.sin(2 * np.pi * 500 * time)
    sound = read_audio(write_sound(tmp_path / "stereo.wav", np.stack([left, left]), 44_100))
    assert sound is not None
    assert sound.dtype == np.float32
    assert len(sound) == pytest.approx(RATE, abs=2)
    spectrum = np.abs(np.fft.rfft(sound[:RATE]))
    assert spectrum.argmax() == pytest.approx(500, abs=1)
    assert np.abs(sound).max() == pytest.approx(0.5, abs=0.02)


def test_a_compressed_file_is_read(write_sound, tmp_path: Path, speech: np.ndarray) -> None:
    sound = read_audio(write_sound(tmp_path / "speech.m4a", speech[None], RATE, "aac"))
    assert sound is not None
    assert len(sound) / RATE == pytest.approx(6, abs=0.1)
    loud = [bool(np.abs(sound[round(t * RATE) :][:2000]).max() > 0.1) for t in (0.5, 2, 3.7, 5, 5.8)]
    assert loud == [False, True, False, True, False]


def test_sound_before_the_start_is_left_out(write_sound, tmp_path: Path, speech: np.ndarray) -> None:
    path = write_sound(tmp_path / "speech.wav", speech[None], RATE)
    whole, later, earlier = (read_audio(path, start) for start in (0.0, 1.5, -0.5))
    assert whole is not None
    assert later is not None
    assert earlier is not None
    np.testing.assert_array_equal(later, whole[round(1.5 * RATE) :])
    np.testing.assert_array_equal(earlier, np.pad(whole, (RATE // 2, 0)))
    assert read_audio(path, 7.0) is None


def test_what_is_no_sound_says_so(tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("no sound at all")
    with pytest.raises(FerZooError, match=r"text\.wav cannot be read"):
        read_audio(tmp_path / "text.wav")
    with pytest.raises(FerZooError, match=r"missing\.wav cannot be read"):
        read_audio(tmp_path / "missing.wav")


def test_a_file_that_breaks_off_gives_what_it_has(write_sound, tmp_path: Path, speech: np.ndarray) -> None:
    path = write_sound(tmp_path / "speech.wav", speech[None], RATE)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    sound = read_audio(path)
    assert sound is not None
    assert len(sound) / RATE == pytest.approx(3, abs=0.1)
