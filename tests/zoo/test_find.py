"""References to model files, and finding what they name in the manifest that ships."""

from __future__ import annotations

from pathlib import Path

import pytest

from fer_zoo.errors import UsageError
from fer_zoo.zoo import Reference, artifacts_dir, find_artifact, find_file, load_manifest, update_manifest


@pytest.mark.parametrize("text", ["fernet_tiny", "fernet_tiny:tflite", "fernet_tiny:onnx:int8"])
def test_a_reference_is_written_as_it_was_read(text: str) -> None:
    assert str(Reference.parse(text)) == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("fernet_tiny:onx", "unknown format 'onx'; choose one of keras, onnx, tflite"),
        ("fernet_tiny:onnx:int4", "unknown precision 'int4'; choose one of fp32, fp16, int8"),
        ("fernet_tiny:onnx:int8:x", "too many parts"),
    ],
)
def test_an_impossible_reference_says_what_is_wrong(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Reference.parse(text)


@pytest.mark.parametrize(
    ("reference", "covers"),
    [
        ("a", [True, True, True]),
        ("a:onnx", [True, True, False]),
        ("a:onnx:int8", [False, True, False]),
        ("b", [False] * 3),
    ],
)
def test_a_reference_covers_what_it_leaves_open(reference: str, covers: list[bool]) -> None:
    files = [Reference.parse(text) for text in ("a:onnx:fp32", "a:onnx:int8", "a:tflite:int8")]
    assert [Reference.parse(reference).covers(file) for file in files] == covers


def test_a_name_is_its_most_exact_onnx_file() -> None:
    manifest = load_manifest(absent=True)
    assert find_artifact("fernet_tiny", manifest).path == "fernet_tiny/model.onnx"
    assert find_artifact("fernet_tiny:tflite:fp16", manifest).path == "fernet_tiny/model.fp16.tflite"


def test_a_file_that_a_clone_lacks_says_how_to_make_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    update_manifest(load_manifest(absent=True), tmp_path)
    monkeypatch.setenv("FER_ZOO_ARTIFACTS", str(tmp_path))
    with pytest.raises(
        UsageError, match=r"fernet_base:onnx:fp32 is not on this machine; .*python -m export fernet_base"
    ):
        find_file("fernet_base:onnx:fp32")


def test_a_misspelt_name_names_the_closest() -> None:
    with pytest.raises(UsageError, match="no model 'fernet_tinny'; did you mean fernet_tiny, "):
        find_file("fernet_tinny")
    assert find_file("fernet_nano:onnx:int8") == artifacts_dir() / "fernet_nano/model.int8.onnx"
