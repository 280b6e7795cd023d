"""The model card of a published model, from its manifest entries and its evaluation."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from export.card import write_card
from fer_zoo.artifacts import load_manifest
from fer_zoo.evaluation import Evaluation


def test_the_card_of_eight_expressions_is_the_committed_one(root: Path, tmp_path: Path) -> None:
    folder = root / "artifacts" / "fernet_base_ferplus"
    for path in (*folder.glob("*.json"), *folder.glob("*.png")):
        shutil.copy(path, tmp_path)
    artifacts = [a for a in load_manifest(root / "artifacts", absent=True) if a.model == folder.name]
    splits = json.loads((folder / "evaluation.json").read_text())["splits"]
    write_card(tmp_path, artifacts, {split: Evaluation(**values) for split, values in splits.items()})
    card = (tmp_path / "README.md").read_text()
    assert "float32 [n, 48, 48, 1] -> float32 [n, 8]" in card
    assert "surprise, contempt." in card
    assert "more than half of FER+'s annotators" in card
    assert card == (folder / "README.md").read_text()
