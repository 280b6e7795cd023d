"""The expression of voices: log-mel features, speech in a sound, the model voice_nano, and fusion with faces."""

from __future__ import annotations

from fer_zoo.voice.audio import read_audio
from fer_zoo.voice.classifier import VoiceClassifier, VoiceTrack, VoiceWindow, load_voice
from fer_zoo.voice.features import log_mel
from fer_zoo.voice.fusion import fuse
from fer_zoo.voice.speech import SpeechConfig, find_speech

__all__ = [
    "SpeechConfig",
    "VoiceClassifier",
    "VoiceTrack",
    "VoiceWindow",
    "find_speech",
    "fuse",
    "load_voice",
    "log_mel",
    "read_audio",
]
