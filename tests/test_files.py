"""Files appear whole or not at all; the manifest keeps one entry a path."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from fer_zoo import files
from fer_zoo.errors import FerZooError
from fer_zoo.files import atomic_path, remove_leftovers, sha256, temporary_folder, write_text
from fer_zoo.zoo import Artifact, load_manifest, update_manifest


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    write_text(path, "old")

    def fail() -> None:
        with atomic_path(path) as temporary:
            temporary.write_text("half")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        fail()
    assert [p.name for p in tmp_path.iterdir()] == ["model.onnx"]
    assert path.read_text() == "old"


def test_the_temporary_name_keeps_the_suffix(tmp_path: Path) -> None:
    with atomic_path(tmp_path / "new" / "x.keras") as temporary:
        assert temporary.suffix == ".keras"
        temporary.write_text("content")
    assert (tmp_path / "new" / "x.keras").read_text() == "content"


def test_leftovers_of_killed_processes_go_and_files_of_living_ones_stay(tmp_path: Path) -> None:
    for name in (".writing-01234567-a.npz", ".writing-89abcdef-folder/b", ".writing-mine", "writing-01234567-a"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    with atomic_path(tmp_path / "model.onnx") as temporary, temporary_folder(tmp_path) as folder:
        (folder / "inner").touch()
        kept = {".writing-mine", "writing-01234567-a"}
        assert {path.name for path in tmp_path.iterdir()} == kept | {temporary.name, folder.name}
        remove_leftovers(tmp_path)
        assert temporary.exists()
        assert (folder / "inner").exists()
    assert {path.name for path in tmp_path.iterdir()} == kept | {"model.onnx"}
    remove_leftovers(tmp_path / "missing")


def test_a_leftover_that_is_taken_before_it_is_locked_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, taken = files._lock, []

    def late(path: Path) -> int | None:
        if not taken:
            taken.append(path)
            remove_leftovers(tmp_path)
        return lock(path)

    monkeypatch.setattr(files, "_lock", late)
    write_text(tmp_path / "a", "content")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_sha256_of_a_known_text(tmp_path: Path) -> None:
    write_text(tmp_path / "a", "abc")
    assert sha256(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


ONNX = Artifact("m", "onnx", "fp32", "m/model.onnx", "0" * 64, 10, 5, 7, "jax")


def test_the_manifest_replaces_an_entry_with_the_same_path(tmp_path: Path) -> None:
    int8 = dataclasses.replace(ONNX, precision="int8", path="m/model.int8.onnx")
    update_manifest([int8, ONNX], tmp_path)
    update_manifest([dataclasses.replace(ONNX, bytes=11)], tmp_path)
    assert [(a.precision, a.bytes) for a in load_manifest(tmp_path, absent=True)] == [("fp32", 11), ("int8", 10)]
    written = json.loads((tmp_path / "manifest.json").read_text())
    assert written["schema"] == 1
    assert written["artifacts"][0]["input"]["shape"] == [None, 48, 48, 1]


def test_a_file_that_is_not_on_this_machine_is_left_out(tmp_path: Path) -> None:
    int8 = dataclasses.replace(ONNX, precision="int8", path="m/model.int8.onnx")
    update_manifest([dataclasses.replace(ONNX, shipped=False), int8], tmp_path)
    assert load_manifest(tmp_path) == []
    write_text(tmp_path / "m" / "model.int8.onnx", "made")
    assert [a.precision for a in load_manifest(tmp_path)] == ["int8"]
    update_manifest([int8], tmp_path)
    write_text(tmp_path / "m" / "model.onnx", "made")
    assert [a.precision for a in load_manifest(tmp_path)] == ["fp32", "int8"]


@pytest.mark.parametrize("content", ["", "[]", '{"schema": 1, "artifacts": [{"model": "m"}]}', '{"schema": 2}'])
def test_a_damaged_manifest_is_one_sentence(tmp_path: Path, content: str) -> None:
    write_text(tmp_path / "manifest.json", content)
    with pytest.raises(FerZooError, match=r"manifest\.json"):
        load_manifest(tmp_path)
