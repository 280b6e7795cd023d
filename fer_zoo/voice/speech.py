"""Where somebody speaks, by energy alone, and the windows that the voice model is given.

Loud music or noise counts as speech: an energy detector cannot tell them apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fer_zoo.voice.features import RATE, WINDOW, log_mel

# Energy is measured in blocks of 16 ms.
_BLOCK = 256
# Speech is at most so many decibels softer than the loudest hundredth of the blocks, and louder than the softest tenth,
# the noise, by the margin; but what is within `_STEADY` of the loudest is speech even where there is no pause.
_RANGE, _MARGIN, _STEADY = 30.0, 6.0, 12.0
# Decibels of full scale below which everything is silent.
_SILENT = -65.0
# The share of the previous sample that is subtracted, which removes hum and rumble.
_PREEMPHASIS = 0.97


@dataclass(frozen=True)
class SpeechConfig:
    """Settings of the voice activity detection and of the windows, all in seconds.

    Attributes:
        pause: A shorter pause does not interrupt a stretch of speech.
        shortest: A shorter stretch is left out.
        hop: Seconds between the beginnings of two windows.
    """

    pause: float = 0.4
    shortest: float = 0.3
    hop: float = 0.5


def find_speech(samples: np.ndarray, config: SpeechConfig | None = None) -> list[tuple[int, int]]:
    """The stretches of a sound in which somebody speaks.

    Args:
        samples: float32 `[n]`, mono at 16 kHz, -1..1.
        config: Settings; `None` is `SpeechConfig()`.

    Returns:
        Begin and end of each stretch in samples, in order, without overlap.

    Examples:
        >>> import numpy as np
        >>> from fer_zoo.voice.speech import find_speech
        >>> hiss = np.random.default_rng(0).normal(0, 1e-3, 3 * 16000).astype(np.float32)
        >>> hiss[16000:32000] *= 100
        >>> find_speech(hiss)
        [(15872, 32000)]
    """
    config = config or SpeechConfig()
    count = len(samples) // _BLOCK
    if not count:
        return []
    levels = _levels(samples[: count * _BLOCK])
    loud, noise = np.percentile(levels, [99, 10])
    threshold = max(loud - _RANGE, min(noise + _MARGIN, loud - _STEADY), _SILENT)
    active = np.concatenate([[False], levels > threshold, [False]])
    edges = np.flatnonzero(active[1:] != active[:-1]) * _BLOCK
    stretches: list[tuple[int, int]] = []
    for begin, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        if stretches and begin - stretches[-1][1] < config.pause * RATE:
            stretches[-1] = (stretches[-1][0], end)
        else:
            stretches.append((begin, end))
    return [(begin, end) for begin, end in stretches if end - begin >= config.shortest * RATE]


def windows_of(stretches: list[tuple[int, int]], config: SpeechConfig | None = None) -> list[tuple[int, int]]:
    """Begin and end, in samples, of the windows that the model is given, each within one stretch of speech.

    The last window of a stretch ends with it. A stretch shorter than a window is one window.
    """
    hop = round((config or SpeechConfig()).hop * RATE)
    found = []
    for begin, end in stretches:
        last = max(begin, end - WINDOW)
        starts = [*range(begin, last, hop), last]
        found += [(start, min(start + WINDOW, end)) for start in starts]
    return found


def spoken(samples: np.ndarray) -> np.ndarray:
    """A recording from where its speech begins to where it ends; the whole of it if there is none."""
    stretches = find_speech(samples)
    return samples[stretches[0][0] : stretches[-1][1]] if stretches else samples


def inputs_of(samples: np.ndarray) -> np.ndarray:
    """The model's inputs for the speech of one recording: float32 `[windows, FRAMES, MELS, 1]`, at least one window."""
    speech = spoken(samples)
    return np.stack([log_mel(speech[begin:end]) for begin, end in windows_of([(0, len(speech))])])


def _levels(samples: np.ndarray) -> np.ndarray:
    """The energy of each block, without hum, in decibels of full scale."""
    emphasized = samples.astype(np.float32)
    emphasized[1:] -= np.float32(_PREEMPHASIS) * samples[:-1]
    return 10 * np.log10(np.square(emphasized.reshape(-1, _BLOCK)).mean(axis=1) + 1e-12)
