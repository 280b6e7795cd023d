"""Classifies the expression of voices with the shipped voice_nano; ONNX Runtime, no Keras."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fer_zoo.errors import FerZooError
from fer_zoo.inference.prior import normalized
from fer_zoo.inference.runtimes import LiteRT, OnnxRuntime
from fer_zoo.voice.features import FRAMES, MELS, RATE, log_mel
from fer_zoo.voice.speech import SpeechConfig, find_speech, windows_of
from fer_zoo.zoo import artifacts_dir
from fer_zoo.zoo.paths import verify_checksum

FOLDER, FACTS, DEFAULT_FILE = "voice_nano", "voice.json", "model.onnx"
_BATCH = 64


@dataclass(frozen=True, eq=False)
class VoiceWindow:
    """One window of speech.

    Attributes:
        start: Where it begins, seconds from the beginning of the sound.
        end: Where it ends, in seconds.
        probabilities: float32 `[classes]`.
    """

    start: float
    end: float
    probabilities: np.ndarray


class VoiceTrack:
    """The expressions of the speech in one sound, over time.

    Args:
        labels: Classes, in the order of the probabilities.
        prior: float `[classes]`, the class frequencies that the probabilities are for.
        windows: Windows of speech; they overlap.
    """

    def __init__(self, labels: Sequence[str], prior: np.ndarray, windows: Sequence[VoiceWindow]) -> None:
        self.labels = tuple(labels)
        self.prior = prior
        self.windows = list(windows)
        self._starts = np.array([window.start for window in windows])
        self._ends = np.array([window.end for window in windows])

    def at(self, seconds: float) -> np.ndarray | None:
        """The mean of the windows that a moment is in: float32 `[classes]`; `None` where nobody speaks."""
        inside = np.flatnonzero((self._starts <= seconds) & (seconds < self._ends))
        if not len(inside):
            return None
        return np.mean([self.windows[index].probabilities for index in inside], axis=0)


class VoiceClassifier:
    """A voice model, ready to classify; made by `load_voice`.

    Attributes:
        path: The model file.
        labels: Its classes, in the order of the probabilities.
        prior: float64 `[classes]`, the class frequencies that its probabilities are for: all equal.
        weight: Weight of the voice in `fuse` that fitted best on simulated pairs of faces and sentences
            (artifacts/reports/voice.md); 1 for a file that does not say.

    Examples:
        >>> import numpy as np
        >>> from fer_zoo.voice import load_voice
        >>> voice = load_voice()
        >>> voice.labels
        ('angry', 'disgust', 'fear', 'happy', 'neutral', 'sad')
        >>> voice.predict_proba(np.zeros((1, 128, 64, 1), np.float32)).shape
        (1, 6)
    """

    def __init__(self, path: Path, weight: float = 1.0, threads: int = 1) -> None:
        self.path = path
        self.weight = weight
        model = LiteRT(path, threads) if path.suffix == ".tflite" else OnnxRuntime(path, threads)
        if model.input_shape[1:] != (FRAMES, MELS, 1) or model.labels is None:
            raise FerZooError(f"{path} is no voice model: it takes {list(model.input_shape)}")
        self._model = model
        self.labels: tuple[str, ...] = tuple(model.labels)
        self.prior = normalized(model.prior or [1] * len(self.labels))

    def predict_proba(self, inputs: np.ndarray) -> np.ndarray:
        """The probability of each class.

        Args:
            inputs: float32 `[n, 128, 64, 1]` in 0..1, as `fer_zoo.voice.features.log_mel` makes them.

        Returns:
            float32 `[n, len(labels)]`, rows add up to 1.

        Examples:
            >>> import numpy as np
            >>> from fer_zoo import load_voice
            >>> from fer_zoo.voice import log_mel
            >>> hiss = np.random.default_rng(0).normal(0, 0.1, 16000).astype(np.float32)
            >>> load_voice().predict_proba(log_mel(hiss)[None]).shape
            (1, 6)
        """
        batches = [inputs[start : start + _BATCH] for start in range(0, len(inputs), _BATCH)]
        parts = [self._model.run(np.ascontiguousarray(batch, np.float32)) for batch in batches]
        return np.concatenate([np.empty((0, len(self.labels)), np.float32), *parts])

    def follow(self, samples: np.ndarray, config: SpeechConfig | None = None) -> VoiceTrack:
        """Find the speech in a sound and classify it, window by window.

        Args:
            samples: float32 `[n]`, mono at 16 kHz, about -1..1, as `read_audio` gives it.
            config: Settings of voice activity detection and windows; `None` is `SpeechConfig()`.

        Examples:
            >>> import numpy as np
            >>> from fer_zoo.voice import load_voice
            >>> load_voice().follow(np.zeros(16000, np.float32)).windows
            []
        """
        places = windows_of(find_speech(samples, config), config)
        windows: list[VoiceWindow] = []
        for start in range(0, len(places), _BATCH):
            part = places[start : start + _BATCH]
            found = self.predict_proba(np.stack([log_mel(samples[begin:end]) for begin, end in part]))
            windows += [
                VoiceWindow(begin / RATE, end / RATE, row) for (begin, end), row in zip(part, found, strict=True)
            ]
        return VoiceTrack(self.labels, self.prior, windows)


def load_voice(path: Path | None = None, threads: int = 1) -> VoiceClassifier:
    """Open a voice model.

    Args:
        path: A `.onnx` or `.tflite` file; `None` is the shipped voice_nano.
        threads: CPU threads of the runtime.

    Raises:
        FerZooError: The file is missing, has another checksum than its `voice.json` says, or is no voice model.

    Examples:
        >>> from fer_zoo import load_voice
        >>> load_voice().labels[3]
        'happy'
    """
    path = path or artifacts_dir() / FOLDER / DEFAULT_FILE
    facts = voice_facts(path.parent)
    if not path.is_file():
        raise FerZooError(f"there is no voice model {path}; a clone of the project has it in artifacts/{FOLDER}")
    if path.name in facts.get("files", {}):
        verify_checksum(path, facts["files"][path.name]["sha256"])
    return VoiceClassifier(path, float(facts.get("weight", 1.0)), threads)


def voice_facts(folder: Path) -> dict[str, Any]:
    """The content of a folder's `voice.json`: weight for `fuse`, files with checksum and parity; empty without it.

    Raises:
        FerZooError: The file is damaged.
    """
    path = folder / FACTS
    try:
        return json.loads(path.read_text("utf-8")) if path.is_file() else {}
    except ValueError as error:
        raise FerZooError(f"{path} is damaged: {error}") from error
