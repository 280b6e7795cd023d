"""Sounds made here: recordings and clips that no test downloads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fer_zoo.voice.features import RATE


def tone(seconds: float, hertz: float = 440.0, level: float = 0.3, rate: int = RATE) -> np.ndarray:
    """A tone that fades in and out ten times a second, as syllables do: float32 `[n]`."""
    time = np.arange(round(seconds * rate)) / rate
    return (level * np.sin(2 * np.pi * hertz * time) * (0.6 + 0.4 * np.sin(20 * np.pi * time))).astype(np.float32)


@pytest.fixture(scope="session")
def speech() -> np.ndarray:
    """One second of silence, two of a tone, one and a half of silence, one of a tone, half of silence; soft hiss."""
    hiss = np.random.default_rng(0).normal(0, 3e-4, 6 * RATE).astype(np.float32)
    hiss[RATE : 3 * RATE] += tone(2)
    hiss[round(4.5 * RATE) : round(5.5 * RATE)] += tone(1, 300)
    return hiss


@pytest.fixture(scope="session")
def write_sound() -> Callable[..., Path]:
    """Write samples `[channels, n]` as a file of sound."""
    av: Any = pytest.importorskip("av")

    def write(path: Path, samples: np.ndarray, rate: int, codec: str = "pcm_s16le") -> Path:
        with av.open(str(path), "w") as container:
            stream = container.add_stream(codec, rate=rate, layout="mono" if len(samples) == 1 else "stereo")
            resampler = av.AudioResampler(stream.format, stream.layout, rate, stream.frame_size or None)
            frame = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(samples, np.float32), "fltp", "mono" if len(samples) == 1 else "stereo"
            )
            frame.sample_rate = rate
            for part in (frame, None):
                for resampled in resampler.resample(part):
                    container.mux(stream.encode(resampled))
            container.mux(stream.encode(None))
        return path

    return write
