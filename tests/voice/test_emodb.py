from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from fer_zoo.contract import VOICE_EXPRESSIONS
from fer_zoo.errors import UsageError
from fer_zoo.voice.emodb import FOLDS, read_emodb
from fer_zoo.voice.features import RATE

pytest.importorskip("av")


def test_labels_come_from_the_names(write_sound, speech: np.ndarray, tmp_path: Path) -> None:
    folder = tmp_path / "wav"
    folder.mkdir()
    for letter in "WLEAFTN":
        write_sound(folder / f"03a01{letter}a.wav", speech[None, :8000], RATE)
    write_sound(folder / "16b10Wb.wav", speech[None, :8000], RATE)
    write_sound(folder / "other.wav", speech[None, :8000], RATE)
    found = read_emodb(tmp_path)
    assert {sentence.name[5]: VOICE_EXPRESSIONS[sentence.label] for sentence in found} == {
        "W": "angry",
        "E": "disgust",
        "A": "fear",
        "F": "happy",
        "N": "neutral",
        "T": "sad",
    }
    assert [(sentence.speaker, sentence.text) for sentence in found][-1] == ("16", "b10")
    assert len(found) == 7
    assert len(found[0].samples) == 8000


def test_what_is_no_emodb_says_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no recordings of EmoDB"):
        read_emodb(tmp_path)
    with pytest.raises(UsageError, match="neither a folder nor a zip"):
        read_emodb(tmp_path / "missing.zip")


def test_the_database(shared: Path) -> None:
    if not (shared / "voices" / "emodb.zip").is_file():
        pytest.skip("../shared/voices/emodb.zip is not here")
    found = read_emodb(shared / "voices" / "emodb.zip")
    counts = Counter(VOICE_EXPRESSIONS[sentence.label] for sentence in found)
    assert counts == {"angry": 127, "disgust": 46, "fear": 69, "happy": 71, "neutral": 79, "sad": 62}
    assert sorted(speaker for fold in FOLDS for speaker in fold) == sorted({sentence.speaker for sentence in found})
    # This copy has the first two seconds of each sentence.
    assert {len(sentence.samples) for sentence in found} == {2 * RATE}
