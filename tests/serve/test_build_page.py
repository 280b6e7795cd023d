"""The page as a folder of files, and what is in it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from fer_zoo.errors import UsageError
from fer_zoo.files import sha256
from fer_zoo.inference import DEFAULT_MODEL
from fer_zoo.serve.__main__ import main
from fer_zoo.serve.page import STATIC
from fer_zoo.serve.protocol import SECURITY_HEADERS


def test_the_folder_has_all_the_page_asks_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "page"
    assert main(["--build", str(folder), "--model", "baseline_cnn:onnx:int8"]) == 0
    assert "ready for any web server" in capsys.readouterr().out
    models = json.loads((folder / "models.json").read_text())
    assert models["default"] == "baseline_cnn:onnx:int8"
    for model in models["models"]:
        assert sha256(folder / model["file"]) == model["sha256"]
        assert model["accuracy"] > 0.5
        assert ("FER+" if model["model"].endswith("_ferplus") else "FER2013") in model["task"]
    page = (folder / "index.html").read_text()
    named = re.findall(r'(?:href|src)="([^"#]+)"', page)
    for script in folder.glob("*.js"):
        named += re.findall(r'(?:from|import|URL\()\s*"([^"]+)"', script.read_text())
    assert len(named) > 20
    for address in named:
        assert (folder / address).exists(), address
    assert main(["--build", str(folder)]) == 0
    assert not list(folder.rglob(".writing-*"))
    assert json.loads((folder / "models.json").read_text())["default"] == DEFAULT_MODEL


def test_other_folders_stay_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    for folder in (tmp_path, tmp_path / "mine.txt"):
        with pytest.raises(UsageError, match="not an empty folder"):
            main(["--build", str(folder)])
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_an_unknown_model_is_told_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no model 'vgg'; `fer-zoo models` lists all"):
        main(["--build", str(tmp_path / "page"), "--model", "vgg"])
    assert not (tmp_path / "page").exists()


def test_the_page_reaches_no_other_host_and_says_what_it_cannot_tell() -> None:
    own = [path for path in STATIC.rglob("*") if path.suffix in (".html", ".js", ".css")]
    for path in own:
        addresses = re.findall(r"https?://[^\s\"'`)]+", path.read_text())
        # ONNX Runtime's sentence about cross-origin isolation names a web page.
        assert not addresses or path.parent.name == "onnxruntime", (path, addresses)
    page = (STATIC / "index.html").read_text()
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)
    assert policy is not None
    # A meta element knows no frame-ancestors; the rest is what the server sends.
    assert policy[1] == SECURITY_HEADERS["Content-Security-Policy"].removesuffix("; frame-ancestors 'none'")
    text = re.sub(r"\s+", " ", page)
    for words in ("An expression is not an emotion.", "bans inferring emotions at work and in education", "FER2013"):
        assert words in text
