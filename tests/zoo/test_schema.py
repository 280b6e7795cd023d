"""A manifest is read strictly: it works, or one sentence says what is wrong with it."""

from __future__ import annotations

import json
import random
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from fuzzing import mutated_json

from fer_zoo.errors import FerZooError
from fer_zoo.inference import load_classifier
from fer_zoo.serve.catalog import catalog, default_model, served_models
from fer_zoo.zoo import artifacts_dir, find_file, load_manifest, manifest, trained_models, update_manifest
from fer_zoo.zoo.schema import parse_manifest


@pytest.fixture
def zoo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An artifacts folder with one model of the zoo."""
    for name in ("model.onnx", "model.int8.onnx"):
        (tmp_path / "fernet_nano").mkdir(exist_ok=True)
        shutil.copyfile(artifacts_dir() / "fernet_nano" / name, tmp_path / "fernet_nano" / name)
    content = json.loads((artifacts_dir() / "manifest.json").read_text())
    content["artifacts"] = [entry for entry in content["artifacts"] if entry["model"] == "fernet_nano"]
    (tmp_path / "manifest.json").write_text(json.dumps(content))
    monkeypatch.setenv("FER_ZOO_ARTIFACTS", str(tmp_path))
    return tmp_path


def _use(zoo: Path) -> None:
    """All that reads the manifest."""
    load_manifest(zoo)
    trained_models()
    models = served_models()
    json.dumps(asdict(catalog(models, default_model(models))), ensure_ascii=False).encode()
    for model in models:
        model.verified_path()
    find_file("fernet_nano:onnx:int8")


def test_a_manifest_is_parsed_once_until_it_changes(zoo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parsed = []
    monkeypatch.setattr(manifest, "parse_manifest", lambda text: parsed.append(text) or parse_manifest(text))
    load_classifier("fernet_nano:onnx:int8")
    assert load_manifest(zoo) == load_manifest(zoo)
    assert len(parsed) == 1
    update_manifest([], removed=[a for a in load_manifest(absent=True) if a.precision != "int8"])
    assert {artifact.precision for artifact in load_manifest(absent=True)} == {"int8"}


def test_mutated_manifests_work_or_are_one_sentence(zoo: Path) -> None:
    original = (zoo / "manifest.json").read_text()
    _use(zoo)
    chance, messages = random.Random(37), []
    for _ in range(300):
        (zoo / "manifest.json").write_text(mutated_json(json.loads(original), chance))
        try:
            _use(zoo)
        except FerZooError as error:
            messages.append(str(error))
    assert 150 < len(messages) < 300
    assert all(message.isprintable() and len(message) < 1000 for message in messages)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"path": "../model.keras"}, "path of entry 1 must be below the artifacts folder"),
        ({"path": "/model.keras"}, "path of entry 1 must be below the artifacts folder"),
        ({"path": "a//model.keras"}, "path of entry 1 must be below"),
        ({"path": "model.onnx"}, r"must end in \.keras"),
        ({"path": "fernet_nano/model.onnx", "format": "onnx"}, "it lists fernet_nano/model.onnx twice"),
        ({"format": "pickle"}, "format of entry 1 must be one of keras, onnx, tflite"),
        ({"precision": "int4"}, "precision of entry 1 must be one of"),
        ({"bytes": -1}, "bytes of entry 1 must be at least 0"),
        ({"bytes": True}, "bytes of entry 1 must be of type int, not True"),
        ({"bytes": 10**30}, "bytes of entry 1 has a number that is too large"),
        ({"sha256": "00"}, "sha256 of entry 1 must be 64 hexadecimal digits"),
        ({"colour": 1}, "entry 1 has an unknown key 'colour'"),
        ({"output": {"labels": ["a", "a"]}}, "output of entry 1 does not fit: two labels are the same"),
        ({"output": {"labels": ["a", "b"], "prior": [1]}}, "must have a prior for each label"),
        ({"output": {"labels": ["a", "b"], "prior": [1, 0]}}, "numbers of the prior must be above 0"),
        ({"metrics": {"test": {"accuracy": 7}}}, "must have an accuracy in 0..1"),
    ],
)
def test_a_fault_of_an_entry_is_named(zoo: Path, changes: dict[str, Any], words: str) -> None:
    content = json.loads((zoo / "manifest.json").read_text())
    content["artifacts"][0] |= changes
    (zoo / "manifest.json").write_text(json.dumps(content))
    with pytest.raises(FerZooError, match=words):
        load_manifest(zoo)


@pytest.mark.parametrize("content", [b'{"schema": ' + b"[" * 100_000, b"\xff\xfe", b"9" * 5000])
def test_what_is_no_json_is_one_sentence(zoo: Path, content: bytes) -> None:
    (zoo / "manifest.json").write_bytes(content)
    with pytest.raises(FerZooError, match=r"manifest\.json is not a manifest"):
        load_manifest(zoo)
