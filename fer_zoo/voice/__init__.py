"""The expression of voices: log-mel features, speech in a sound, and fusion with faces."""

from __future__ import annotations

from fer_zoo.voice.audio import read_audio
from fer_zoo.voice.features import log_mel
from fer_zoo.voice.fusion import fuse
from fer_zoo.voice.speech import SpeechConfig, find_speech

__all__ = [
    "SpeechConfig",
    "find_speech",
    "fuse",
    "log_mel",
    "read_audio",
]
