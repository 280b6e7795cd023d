"""Facts in ONNX files under the keys of others."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest


def test_other_programs_find_labels_and_size_under_their_keys(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    from export import metadata
    from fer_zoo.zoo import artifacts_dir

    path = tmp_path / "model.onnx"
    path.write_bytes((artifacts_dir() / "fernet_nano" / "model.int8.onnx").read_bytes())
    facts = metadata.read(path)
    assert facts["input"]["shape"] == [None, 48, 48, 1]
    metadata.write(path, facts | {"labels": ["calm", "isn't"]})
    found = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
    assert ast.literal_eval(found["names"]) == {0: "calm", 1: "isn't"}
    assert ast.literal_eval(found["imgsz"]) == [48, 48]
    assert (int(found["stride"]), found["task"]) == (1, "classify")
    assert metadata.read(path) == facts | {"labels": ["calm", "isn't"]}, "our own keys alone"
