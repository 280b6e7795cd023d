"""Colored noise behind a voice, made in NumPy, for training and for measuring."""

from __future__ import annotations

import numpy as np

from fer_zoo.voice.features import RATE

# Below so many hertz the noise does not grow any more.
_LOWEST_HZ = 50.0


def with_noise(samples: np.ndarray, decibels: float, exponent: float, generator: np.random.Generator) -> np.ndarray:
    """A sound in noise whose power falls as frequency^-exponent: 0 is white, 1 pink, 2 brown.

    Args:
        samples: float `[n]` at `RATE`, not all 0.
        decibels: Signal-to-noise ratio of the mean powers.
        exponent: How fast the power falls.
        generator: Source of the noise.

    Returns:
        float32 `[n]`.

    Examples:
        >>> import numpy as np
        >>> from fer_zoo.voice.noise import with_noise
        >>> tone = np.sin(np.arange(16000) / 5)
        >>> noise = with_noise(tone, 20, 1, np.random.default_rng(0)) - tone
        >>> round(float(np.mean(tone**2) / np.mean(noise**2)))
        100
    """
    count = len(samples)
    spectrum = np.fft.rfft(generator.normal(size=count))
    frequencies = np.maximum(np.fft.rfftfreq(count, 1 / RATE), _LOWEST_HZ)
    return add_noise(samples, np.fft.irfft(spectrum / frequencies ** (exponent / 2), count), decibels)


def add_noise(samples: np.ndarray, noise: np.ndarray, decibels: float) -> np.ndarray:
    """A sound with a noise of any loudness, both float `[n]`, so many decibels below it on average: float32 `[n]`."""
    gain = np.sqrt(np.mean(np.square(samples)) / np.mean(np.square(noise)) / 10 ** (decibels / 10))
    return (samples + gain * noise).astype(np.float32)
