"""Reads the Berlin Database of Emotional Speech (EmoDB; Burkhardt et al., 2005), a folder or zip of WAV files.

Names are `SSTTTEv.wav`: speaker (two digits), sentence (a letter and two digits), emotion (a letter of its German
name), version. Labels come from the names alone. Boredom (L), which faces have no class for, is left out.
"""

from __future__ import annotations

import io
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fer_zoo.contract import VOICE_EXPRESSIONS
from fer_zoo.errors import UsageError
from fer_zoo.voice.audio import read_audio

# Wut, Ekel, Angst, Freude, neutral, Trauer.
_LETTERS = dict(zip("WEAFNT", VOICE_EXPRESSIONS, strict=True))
_NAME = re.compile(r"(\d\d)([a-z]\d\d)([WLEAFTN])[a-z]?\.wav")

# Speakers who are left out together: a man and a woman each, in the order of their numbers.
FOLDS = (("03", "08"), ("10", "09"), ("11", "13"), ("12", "14"), ("15", "16"))


@dataclass(frozen=True, eq=False)
class Sentence:
    """One recording.

    Attributes:
        name: Name of its file.
        speaker: Number of the speaker, two digits.
        text: Code of the sentence that is spoken.
        label: Index of the expression in `VOICE_EXPRESSIONS`.
        samples: float32 `[n]`, mono at 16 kHz, about -1..1.
    """

    name: str
    speaker: str
    text: str
    label: int
    samples: np.ndarray


def read_emodb(source: Path) -> list[Sentence]:
    """Read the sentences of the six shared expressions, in the order of their names.

    Args:
        source: The zip, or the folder, with the WAV files at any depth.

    Raises:
        UsageError: There is no such file or folder, or it has no recordings of EmoDB.
        FerZooError: A recording is damaged.
    """
    if source.is_dir():
        files = {path.name: path.read_bytes() for path in sorted(source.rglob("*.wav")) if _NAME.fullmatch(path.name)}
    elif source.is_file() and zipfile.is_zipfile(source):
        with zipfile.ZipFile(source) as archive:
            names = {Path(member).name: member for member in sorted(archive.namelist())}
            files = {name: archive.read(member) for name, member in names.items() if _NAME.fullmatch(name)}
    else:
        raise UsageError(f"{source} is neither a folder nor a zip")
    sentences = [found for name in sorted(files) if (found := _sentence(name, files[name])) is not None]
    if not sentences:
        raise UsageError(f"{source} has no recordings of EmoDB, whose names are like 03a01Fa.wav")
    return sentences


def _sentence(name: str, content: bytes) -> Sentence | None:
    match = _NAME.fullmatch(name)
    if match is None or match[3] not in _LETTERS:
        return None
    samples = read_audio(io.BytesIO(content))
    if samples is None:
        raise UsageError(f"{name} has no sound")
    return Sentence(name, match[1], match[2], VOICE_EXPRESSIONS.index(_LETTERS[match[3]]), samples)
