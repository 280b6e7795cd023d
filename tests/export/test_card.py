"""The model card of a published model, from its manifest entries and its evaluation."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from export.card import write_card
from fer_zoo.contract import EXPRESSIONS
from fer_zoo.data.training_data import OWN, TrainingData
from fer_zoo.evaluation import Evaluation
from fer_zoo.zoo import load_manifest


@pytest.mark.parametrize("model", dict.fromkeys(a.model for a in load_manifest()))
def test_every_committed_card_is_what_its_facts_make(root: Path, tmp_path: Path, model: str) -> None:
    card = _card(root / "artifacts", tmp_path, model)
    assert card == (root / "artifacts" / model / "README.md").read_text()


def test_the_card_of_eight_expressions(root: Path, tmp_path: Path) -> None:
    card = _card(root / "artifacts", tmp_path, "fernet_base_ferplus")
    assert "float32 [n, 48, 48, 1] -> float32 [n, 8]" in card
    assert "surprise, contempt." in card
    assert "more than half of FER+'s annotators chose; other images teach by their votes\n" in card
    # Its members were trained, each on images of its own.
    mean = _card(root / "artifacts", tmp_path, "fernet_ensemble_ferplus")
    assert "more than half of FER+'s annotators chose\n" in mean


def test_the_card_of_ones_own_model_uses_its_own_files_alone(root: Path, tmp_path: Path) -> None:
    source = root / "artifacts" / "fernet_nano"
    splits = json.loads((source / "evaluation.json").read_text())["splits"]
    entries = [a for a in load_manifest() if a.model == "fernet_nano" and a.format in ("keras", "onnx")]
    own = [replace(entry, path=Path(entry.path).name, license="not stated") for entry in entries]
    splits_of_own = {"train": 81, "held_out": 9, "test": 20}
    data = TrainingData(OWN, "../faces.zip", "f1", 110, splits_of_own, "held_out", EXPRESSIONS)
    (tmp_path / "config.json").write_text(json.dumps({"data": data.to_json()}))
    write_card(tmp_path, own, {"test": Evaluation(**splits["test"])})
    card = (tmp_path / "README.md").read_text()
    assert card.startswith("# fernet_nano, trained on own images (faces.zip)\n")
    assert (
        "own images (faces.zip), 81 training images; the epoch chosen on a tenth held out of train (9 images)" in card
    )
    assert 'load_classifier("model.onnx")' in card
    assert 'InferenceSession("model.onnx")' in card
    assert not [
        word for word in ("FER2013", "PublicTest", "tflite", "docs/", 'load_classifier("fernet') if word in card
    ]


def test_the_card_of_a_file_for_microcontrollers_has_what_the_runtimes_report_found(root: Path, tmp_path: Path) -> None:
    source = root / "artifacts" / "fernet_nano"
    splits = json.loads((source / "evaluation.json").read_text())["splits"]
    entries = [a for a in load_manifest() if a.model == "fernet_nano" and a.format == "onnx"]
    full = replace(
        entries[-1], format="tflite", precision="int8-full", path="fernet_nano/model.int8-full.tflite", sha256="ab" * 32
    )
    shutil.copy(source / "config.json", tmp_path)
    rows = [
        {"file": {"sha256": full.sha256}, "runtime": "Micro", "arena_bytes": 34560, "agreement": 0.9955, "n": 1000},
        {"file": {"sha256": full.sha256}, "runtime": "NPU", "arena_bytes": None, "accelerated": 1.0},
        {"file": {"sha256": "0" * 64}, "runtime": "Micro", "arena_bytes": 1},
        {"file": {"sha256": full.sha256}, "runtime": "Desktop", "agreement": 1.0, "n": 1000},
    ]
    (tmp_path / "runtimes.json").write_text(json.dumps({"rows": rows}))
    cards = []
    for artifacts, reports in (([*entries, full], tmp_path), ([*entries, full], None), (entries, tmp_path)):
        write_card(tmp_path, artifacts, {"test": Evaluation(**splits["test"])}, reports)
        cards.append((tmp_path / "README.md").read_text())
    assert "- Micro: 34.6 kB of working memory, the same answer as LiteRT for 99.6% of 1,000 images\n" in cards[0]
    assert "- NPU: 100.0% of the operators on the NPU\n" in cards[0]
    assert cards[0].count("working memory") == 1
    assert "Desktop" not in cards[0]
    assert "microcontroller" not in cards[1] + cards[2]
    assert ("no float in it" in cards[1], "no float in it" in cards[2]) == (True, False)


def _card(published: Path, folder: Path, model: str) -> str:
    for path in (*(published / model).glob("*.json"), *(published / model).glob("*.png")):
        shutil.copy(path, folder)
    artifacts = [a for a in load_manifest(published, absent=True) if a.model == model]
    splits = json.loads((published / model / "evaluation.json").read_text())["splits"]
    evaluations = {split: Evaluation(**values) for split, values in splits.items()}
    write_card(folder, artifacts, evaluations, published / "reports")
    return (folder / "README.md").read_text()
