"""Files of the zoo that are not on this machine come from an address, whole and as the manifest describes them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from model_server import ModelServer, serve_models

from benchmarks.options import Options, manifest_of
from fer_zoo import console
from fer_zoo.cli import main as cli
from fer_zoo.errors import FerZooError, UsageError
from fer_zoo.files import cache_dir, sha256
from fer_zoo.inference import load_classifier
from fer_zoo.serve.catalog import chosen_models
from fer_zoo.zoo import (
    artifacts_dir,
    download,
    find_artifact,
    find_entry,
    find_file,
    keras_path,
    load_manifest,
    update_manifest,
)

INT8 = "fernet_nano/model.int8.onnx"


@pytest.fixture
def zoo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An artifacts folder of one model, with a manifest and no files, and an empty cache."""
    folder = tmp_path / "artifacts"
    update_manifest([a for a in load_manifest() if a.model == "fernet_nano"], folder)
    monkeypatch.setenv("FER_ZOO_ARTIFACTS", str(folder))
    monkeypatch.setenv("FER_ZOO_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("FER_ZOO_MODELS", raising=False)
    monkeypatch.setattr(download, "_PAUSE_SECONDS", 0)
    return folder


@pytest.fixture
def server(zoo: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelServer]:
    """The checkout's model files behind `FER_ZOO_MODELS`."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serve_models(root / "artifacts") as running:
        monkeypatch.setenv("FER_ZOO_MODELS", running.address)
        yield running


def _cached() -> list[Path]:
    return [path for path in cache_dir().rglob("*") if path.is_file()]


def test_a_file_is_downloaded_once_and_verified(server: ModelServer, root: Path) -> None:
    assert load_manifest() == []
    path = load_classifier("fernet_nano:onnx:int8").path
    assert path == find_file("fernet_nano:onnx:int8")
    assert find_entry(path, artifacts_dir()) == load_manifest()[0]
    assert path.is_relative_to(cache_dir())
    assert sha256(path) == sha256(root / "artifacts" / INT8)
    assert [artifact.path for artifact in load_manifest()] == [INT8]
    assert server.asked == [f"/zoo/{INT8}"]
    assert _cached() == [path]


def test_a_name_without_a_precision_means_the_smallest_file_and_then_the_one_that_is_here(server: ModelServer) -> None:
    assert find_file("fernet_nano").name == "model.int8.onnx"
    assert keras_path("fernet_nano").name == "model.keras"
    find_file("fernet_nano:onnx:fp32")
    assert find_file("fernet_nano").name == "model.onnx"
    assert len(server.asked) == 3


def test_the_page_and_the_api_download_what_they_serve(server: ModelServer) -> None:
    (model,) = chosen_models(["fernet_nano"])
    assert (model.name, model.address) == ("fernet_nano:onnx:int8", f"models/{INT8}")
    assert model.verified_path().is_file()
    with pytest.raises(UsageError, match=r"there is no file 'fernet_nano:tflite'"):
        chosen_models(["fernet_nano:tflite"])
    assert server.asked == [f"/zoo/{INT8}"]


def test_a_benchmark_downloads_the_files_that_it_is_told_to_measure(server: ModelServer, tmp_path: Path) -> None:
    options = Options(artifacts_dir(), tmp_path / "reports", models=("fernet_nano:onnx:int8",))
    assert [artifact.path for artifact in manifest_of(options)] == [INT8]
    assert len(manifest_of(replace(options, models=("fernet_nano:onnx", "fernet_nano:keras")))) == 2
    assert server.asked == [f"/zoo/{INT8}", "/zoo/fernet_nano/model.keras"]


def test_a_connection_that_breaks_off_is_tried_again(server: ModelServer, root: Path) -> None:
    server.cuts = 2
    assert sha256(find_file("fernet_nano:onnx:int8")) == sha256(root / "artifacts" / INT8)
    assert len(server.asked) == 3


def test_a_connection_that_keeps_breaking_off_leaves_nothing(server: ModelServer) -> None:
    server.cuts = 99
    with pytest.raises(FerZooError, match=r"model\.int8\.onnx broke off 3 times; run the same command again"):
        find_file("fernet_nano:onnx:int8")
    assert _cached() == []


def test_another_file_than_the_manifest_describes_is_not_kept(server: ModelServer) -> None:
    server.damage = True
    with pytest.raises(FerZooError, match=r"is not the file that the manifest describes .* and was not kept"):
        find_file("fernet_nano:onnx:int8")
    assert _cached() == []


def test_a_damaged_copy_is_downloaded_again(server: ModelServer) -> None:
    path = find_file("fernet_nano:onnx:int8")
    path.write_bytes(b"damaged")
    assert find_file("fernet_nano:onnx:int8") == path
    assert path.stat().st_size == find_artifact("fernet_nano:onnx:int8", load_manifest()).bytes


def test_a_file_that_the_server_lacks_and_a_server_that_is_not_there(
    server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FER_ZOO_MODELS", f"{server.address}/other")
    with pytest.raises(FerZooError, match=r"answered 404 to .*/zoo/other/fernet_nano/model\.int8\.onnx; set FER_ZOO"):
        find_file("fernet_nano:onnx:int8")
    monkeypatch.setenv("FER_ZOO_MODELS", "http://127.0.0.1:9")
    with pytest.raises(FerZooError, match="cannot be reached; check the network, or set FER_ZOO_MODELS"):
        find_file("fernet_nano:onnx:int8")
    assert _cached() == []


def test_several_at_once_leave_one_whole_file(server: ModelServer, root: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        paths = set(pool.map(find_file, ["fernet_nano:onnx:int8"] * 4))
    assert _cached() == list(paths)
    assert sha256(paths.pop()) == sha256(root / "artifacts" / INT8)


def test_a_folder_is_an_address_too(zoo: Path, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "share" / "fernet_nano").mkdir(parents=True)
    shutil.copyfile(root / "artifacts" / INT8, tmp_path / "share" / INT8)
    monkeypatch.setenv("FER_ZOO_MODELS", str(tmp_path / "share"))
    assert find_file("fernet_nano:onnx:int8").is_relative_to(cache_dir())
    with pytest.raises(FerZooError, match=r"there is no file .*share/fernet_nano/model\.onnx; set FER_ZOO_MODELS"):
        find_file("fernet_nano:onnx:fp32")


def test_without_an_address_the_sentence_says_what_to_do(zoo: Path) -> None:
    with pytest.raises(UsageError, match=r"int8 is not on this machine; a clone of the project has it; or set FER_ZOO"):
        load_classifier("fernet_nano")


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("hf://owner/zoo", "https://huggingface.co/owner/zoo/resolve/main/"),
        ("https://example.org/zoo/", "https://example.org/zoo/"),
        ("http://example.org", "http://example.org/"),
    ],
)
def test_addresses(monkeypatch: pytest.MonkeyPatch, address: str, found: str) -> None:
    monkeypatch.setenv("FER_ZOO_MODELS", address)
    assert download.models_address() == found


@pytest.mark.parametrize("address", ["hf://owner", "hf://a/b/../c", "ftp://example.org", "https://", "/no/such/folder"])
def test_what_is_no_address(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("FER_ZOO_MODELS", address)
    with pytest.raises(UsageError, match="it takes a web address, hf://OWNER/NAME or a folder"):
        download.models_address()


def test_the_command_lists_downloads_and_verifies(server: ModelServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert console.run(cli.main, ["models", "pull", "fernet_nano:onnx"]) == 0
    assert capsys.readouterr().out.count("was downloaded: ") == 2
    assert console.run(cli.main, ["models", "pull", "fernet_nano:onnx:int8"]) == 0
    assert "fernet_nano:onnx:int8 is on this machine: " in capsys.readouterr().out
    assert console.run(cli.main, ["models", "list"]) == 0
    shown = capsys.readouterr().out
    rows = [line.split() for line in shown.splitlines() if line.startswith("fernet_nano:")]
    assert [row[0] for row in rows if row[-1] == "downloaded"] == ["fernet_nano:onnx:fp32", "fernet_nano:onnx:int8"]
    assert f"They are downloaded from {server.address}/ " in shown
    assert console.run(cli.main, ["models", "verify"]) == 0
    shown = capsys.readouterr().out
    assert "not on this machine:\n  fernet_nano:keras:fp32\n" in shown
    assert "2 of 2 files are as the manifest describes them" in shown
    path = find_file("fernet_nano:onnx:int8")
    path.write_bytes(b"damaged")
    assert console.run(cli.main, ["models", "verify"]) == 1
    seen = capsys.readouterr()
    assert f"{path} is not the file that the manifest describes" in seen.err
    assert "1 of 2 files" in seen.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "say which files to download"),
        (["--all", "fernet_nano"], "say which files to download"),
        (["fernet_nanno"], "no model 'fernet_nanno'; did you mean fernet_nano?"),
        (["fernet_nano:keras:int8"], "fernet_nano has no file 'fernet_nano:keras:int8'"),
        (["fernet_nano:onx"], "unknown format 'onx'"),
    ],
)
def test_what_cannot_be_downloaded(zoo: Path, capsys, arguments: list[str], message: str) -> None:
    assert console.run(cli.main, ["models", "pull", *arguments]) == 2
    assert message in capsys.readouterr().err
