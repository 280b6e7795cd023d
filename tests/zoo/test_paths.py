"""A file of the manifest is used only where it is the one that the manifest describes, inside its folder."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from fer_zoo.cli.serve import main as serve
from fer_zoo.console import run
from fer_zoo.errors import FerZooError
from fer_zoo.inference import load_classifier
from fer_zoo.zoo import Artifact, artifacts_dir, find_file, load_manifest, paths, update_manifest, verified_path


@pytest.fixture
def zoo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Artifact]:
    """An artifacts folder with one file, and its entry."""
    (artifact,) = (a for a in load_manifest() if a.path == "fernet_nano/model.int8.onnx")
    folder = tmp_path / "artifacts"
    file = folder / artifact.path
    file.parent.mkdir(parents=True)
    file.write_bytes((artifacts_dir() / artifact.path).read_bytes())
    update_manifest([artifact], folder)
    monkeypatch.setenv("FER_ZOO_ARTIFACTS", str(folder))
    return folder, artifact


def _damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[20_000:20_064] = bytes(64)
    path.write_bytes(content)


def test_a_damaged_file_is_refused_by_all_that_use_it(zoo, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, artifact = zoo
    assert find_file("fernet_nano:onnx:int8") == folder / artifact.path
    _damage(folder / artifact.path)
    for use, model in (
        (find_file, "fernet_nano:onnx:int8"),
        (load_classifier, "fernet_nano:onnx:int8"),
        (load_classifier, folder / artifact.path),
    ):
        with pytest.raises(FerZooError, match=r"model\.int8\.onnx is not the file that the manifest describes"):
            use(model)
    assert run(serve, ["--build", str(tmp_path / "page")]) == 1
    assert "sha256 differs" in capsys.readouterr().err
    assert not (tmp_path / "page").exists()


def test_a_file_of_an_export_is_verified_too(zoo) -> None:
    folder, artifact = zoo
    export = folder / "fernet_nano"
    update_manifest([replace(artifact, path="model.int8.onnx")], export)
    assert load_classifier(export).path == export / "model.int8.onnx"
    _damage(export / "model.int8.onnx")
    with pytest.raises(FerZooError, match="sha256 differs"):
        load_classifier(export)


def test_a_file_is_read_again_only_after_it_changed(zoo, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, artifact = zoo
    read: list[Path] = []
    monkeypatch.setattr(paths, "sha256", lambda path: read.append(path) or artifact.sha256)
    for _ in range(3):
        verified_path(artifact, folder)
    assert len(read) == 1
    os.utime(folder / artifact.path, ns=(0, 0))
    verified_path(artifact, folder)
    assert len(read) == 2


@pytest.mark.parametrize("link", ["file", "folder"])
def test_a_link_that_leaves_the_folder_is_refused(zoo, tmp_path: Path, capsys, link: str) -> None:
    folder, artifact = zoo
    file = folder / artifact.path
    inside = file if link == "file" else file.parent
    outside = tmp_path / inside.name
    inside.rename(outside)
    inside.symlink_to(outside)
    with pytest.raises(FerZooError, match=r"leads out of .*artifacts; put the file itself there"):
        load_classifier("fernet_nano:onnx:int8")
    assert run(serve, ["--build", str(tmp_path / "page")]) == 1
    assert "leads out of" in capsys.readouterr().err
    inside.unlink()
    (folder / "other").mkdir()
    outside.rename(folder / "other" / inside.name)
    inside.symlink_to(folder / "other" / inside.name)
    assert load_classifier("fernet_nano:onnx:int8").labels


@pytest.mark.parametrize("path", ["../model.int8.onnx", "{tmp}/model.int8.onnx"])
def test_a_path_that_leaves_the_folder_is_refused(zoo, tmp_path: Path, capsys, path: str) -> None:
    folder, artifact = zoo
    (folder / artifact.path).rename(tmp_path / "model.int8.onnx")
    content = json.loads((folder / "manifest.json").read_text())
    content["artifacts"][0]["path"] = path.format(tmp=tmp_path)
    (folder / "manifest.json").write_text(json.dumps(content))
    with pytest.raises(FerZooError, match="must be below the artifacts folder"):
        load_classifier("fernet_nano:onnx:int8")
    assert run(serve, ["--build", str(tmp_path / "page")]) == 1
    assert "must be below the artifacts folder" in capsys.readouterr().err
