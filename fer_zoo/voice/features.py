"""Log-mel spectrograms in NumPy: what the voice model sees of a sound.

Sound is mono at 16 kHz. Frames of 32 ms every 16 ms are weighted by a Hann window and transformed (512 points); the
power is summed under 64 triangles, equally wide on the mel scale of O'Shaughnessy (1987) between 50 Hz and 8 kHz.
"""

from __future__ import annotations

import functools

import numpy as np

RATE = 16_000
FRAME, HOP, MELS = 512, 256, 64
LOW_HZ, HIGH_HZ = 50.0, 8_000.0
# A window of the model: 128 frames, 2.06 seconds.
FRAMES = 128
WINDOW = (FRAMES - 1) * HOP + FRAME

# Decibels below the loudest mel band of a window that still count; what is softer is as good as silent.
_RANGE = 80.0
_SMALLEST = 1e-12


def mel_powers(samples: np.ndarray) -> np.ndarray:
    """The power under each triangle, in each whole frame.

    Args:
        samples: float32 `[n]`, mono at `RATE`, -1..1; at least `FRAME` of them.

    Returns:
        float32 `[1 + (n - FRAME) // HOP, MELS]`, at least 0.
    """
    frames = np.lib.stride_tricks.sliding_window_view(np.asarray(samples, np.float32), FRAME)[::HOP]
    spectrum = np.fft.rfft(frames * _hann(), axis=1).astype(np.complex64)
    return (spectrum.real**2 + spectrum.imag**2) @ mel_filters()


def to_model(powers: np.ndarray) -> np.ndarray:
    """The model's input for powers of `mel_powers`: decibels relative to the loudest value of each window.

    It does not depend on how loud a recording is, so that neither distance nor gain of the microphone count.

    Args:
        powers: float32 `[…, frames, MELS]`.

    Returns:
        float32 `[…, frames, MELS, 1]` in 0..1: 1 is the loudest value of the window, 0 is 80 dB below it or less.
    """
    decibels = 10 * np.log10(np.maximum(powers, _SMALLEST))
    loudest = decibels.max(axis=(-2, -1), keepdims=True)
    return np.clip(1 + (decibels - loudest) / _RANGE, 0, 1).astype(np.float32)[..., None]


def log_mel(samples: np.ndarray) -> np.ndarray:
    """The model's input for one window of sound.

    A window shorter than `WINDOW` is repeated until it is as long; of a longer one the beginning counts.

    Args:
        samples: float32 `[n]`, mono at `RATE`, -1..1.

    Returns:
        float32 `[FRAMES, MELS, 1]` in 0..1.

    Examples:
        >>> import numpy as np
        >>> from fer_zoo.voice.features import RATE, log_mel
        >>> tone = np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE).astype(np.float32)
        >>> log_mel(tone).shape
        (128, 64, 1)
    """
    return to_model(mel_powers(np.resize(samples, WINDOW)))


@functools.cache
def mel_filters() -> np.ndarray:
    """The triangles over the bins of the transform: float32 `[FRAME // 2 + 1, MELS]`, each with its peak at 1."""
    corners = _hertz(np.linspace(_mel(LOW_HZ), _mel(HIGH_HZ), MELS + 2))
    bins = np.arange(FRAME // 2 + 1)[:, None] * RATE / FRAME
    left, peak, right = corners[:-2], corners[1:-1], corners[2:]
    rising, falling = (bins - left) / (peak - left), (right - bins) / (right - peak)
    return np.clip(np.minimum(rising, falling), 0, None).astype(np.float32)


@functools.cache
def _hann() -> np.ndarray:
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FRAME) / FRAME)).astype(np.float32)


def _mel(hertz: float) -> float:
    return 2595 * float(np.log10(1 + hertz / 700))


def _hertz(mels: np.ndarray) -> np.ndarray:
    return 700 * (10 ** (mels / 2595) - 1)
