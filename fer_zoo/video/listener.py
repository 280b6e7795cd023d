"""Adds to the face of each frame what the voice says at that moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from fer_zoo.errors import UsageError
from fer_zoo.video.tracker import TrackedFace
from fer_zoo.voice import VoiceTrack, fuse


@dataclass(frozen=True, eq=False)
class Moment:
    """The voice at the time of one frame.

    Attributes:
        voice: float32 `[voice classes]`, the voice model's probabilities; `None` where nobody speaks.
        alone: float32 `[classes]`, the same as probabilities of the faces' classes, for the faces' population.
        fused: Whether the voice is part of the face's probabilities.
    """

    voice: np.ndarray | None = None
    alone: np.ndarray | None = None
    fused: bool = False


class Listener:
    """Fuses the voice with the one face of a frame.

    Where several faces are in the picture, nobody knows whose voice it is: they keep their own probabilities.

    Args:
        track: The speech of the video, in seconds from its first frame.
        labels: Classes of the faces, in English.
        weight: Weight of the voice in `fuse`.
        prior: float `[classes]`, the class frequencies that the faces' probabilities are for; `None`: all equal.

    Raises:
        UsageError: The faces' classes are not FER2013's or FER+'s.
    """

    def __init__(self, track: VoiceTrack, labels: Sequence[str], weight: float, prior: np.ndarray | None) -> None:
        if not set(track.labels) <= set(labels):
            raise UsageError(f"--voice needs a model that knows {', '.join(track.labels)}; this one has other classes")
        self._track, self._labels, self._weight = track, tuple(labels), weight
        # An expression that cannot occur has frequency 0, which has no logarithm.
        self._prior = None if prior is None else np.maximum(prior, 1e-6)

    def hear(self, seconds: float, faces: Sequence[TrackedFace]) -> tuple[Sequence[TrackedFace], Moment]:
        """The faces of the frame at that time, fused with the voice, and what was heard."""
        voice = self._track.at(seconds)
        if voice is None:
            return faces, Moment()
        if len(faces) != 1:
            return faces, Moment(voice, self._fuse(None, voice))
        fused = replace(faces[0], probabilities=self._fuse(faces[0].probabilities, voice))
        return [fused], Moment(voice, self._fuse(None, voice), fused=True)

    def _fuse(self, face: np.ndarray | None, voice: np.ndarray) -> np.ndarray:
        return fuse(
            face,
            voice,
            self._weight,
            labels=self._labels,
            voice_labels=self._track.labels,
            voice_prior=self._track.prior,
            prior=self._prior,
        )
