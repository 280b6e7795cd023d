"""The page as a folder of files, and what is in it."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from fer_zoo.cli.serve import main
from fer_zoo.contract import EXPRESSIONS
from fer_zoo.errors import UsageError
from fer_zoo.files import sha256
from fer_zoo.inference import DEFAULT_MODEL
from fer_zoo.serve.catalog import BUILT, catalog, chosen_models
from fer_zoo.serve.web_page import CONTENT_SECURITY_POLICY, STATIC, page_files
from fer_zoo.zoo import load_manifest, update_manifest


def test_the_folder_has_all_the_page_asks_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "page"
    assert main(["--build", str(folder), "--model", "baseline_cnn:onnx:int8"]) == 0
    assert "ready for any web server" in capsys.readouterr().out
    models = json.loads((folder / "models.json").read_text())
    assert models["default"] == "baseline_cnn:onnx:int8"
    assert len(models["models"]) == 1
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
    models = json.loads((folder / "models.json").read_text())
    assert models["default"] == DEFAULT_MODEL
    assert [model["name"] for model in models["models"]] == list(BUILT)
    # The first page's model is gone: the folder has what its list names.
    written = {path.relative_to(folder).as_posix() for path in (folder / "models").rglob("*.onnx")}
    assert written == {model["file"] for model in models["models"]}


@pytest.fixture
def run(root: Path, tmp_path: Path) -> Path:
    """A run that was exported: two of the zoo's files, listed by a manifest of their own."""
    folder = tmp_path / "runs" / "mine"
    published = root / "artifacts" / "fernet_nano"
    for target in (folder, folder / "export"):
        target.mkdir(parents=True)
        shutil.copy(published / "model.keras", target)
    entries = [a for a in load_manifest() if a.model == "fernet_nano" and a.format in ("keras", "onnx")]
    for entry in entries:
        shutil.copy(root / "artifacts" / entry.path, folder / "export")
    update_manifest([replace(entry, path=Path(entry.path).name) for entry in entries], folder / "export")
    return folder


@pytest.mark.parametrize("reference", ["", "model.keras", "export", "export/model.onnx"])
def test_a_model_of_ones_own_is_served_by_its_path(run: Path, reference: str) -> None:
    models = chosen_models([str(run / reference), "baseline_cnn:onnx:int8"])
    own = [model.name for model in models if model.own]
    assert own == ["mine:onnx:fp32", "mine:onnx:int8"][: 1 if reference.endswith(".onnx") else 2]
    assert models[-1].name == "baseline_cnn:onnx:int8"
    listed = catalog(models, models[0])
    assert listed.default == "mine:onnx:fp32"
    assert (listed.models[0].file, listed.models[0].task) == ("models/mine/model.onnx", "your own models")
    assert page_files(models, models[0])["models/mine/model.onnx"] == run / "export" / "model.onnx"


def test_a_file_that_no_manifest_lists_is_described_by_itself(run: Path, tmp_path: Path) -> None:
    (tmp_path / "bare").mkdir()
    shutil.copy(run / "export" / "model.int8.onnx", tmp_path / "bare")
    (model,) = chosen_models([str(tmp_path / "bare" / "model.int8.onnx")])
    assert model.name == "bare:onnx:int8"
    assert catalog([model], model).models[0].labels == list(EXPRESSIONS)


def test_a_model_without_onnx_files_names_the_command_that_makes_them(run: Path) -> None:
    with (run / "model.keras").open("ab") as file:
        file.write(b"\0")  # The run went on after its export.
    with pytest.raises(UsageError, match=r"and .*mine/model\.keras has none; make them: python -m export"):
        chosen_models([str(run / "model.keras")])
    shutil.rmtree(run / "export")
    with pytest.raises(UsageError, match=r"make them: python -m export .*mine/model\.keras"):
        chosen_models([str(run)])
    with pytest.raises(UsageError, match=r"there is no model .*nowhere"):
        chosen_models([str(run / "nowhere")])


def test_two_models_of_one_name_are_refused(run: Path, tmp_path: Path) -> None:
    other = shutil.copytree(run, tmp_path / "others" / "mine")
    with pytest.raises(UsageError, match="have one name, mine:onnx:fp32; rename the folder of one"):
        chosen_models([str(run), str(other)])


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
    assert policy[1] == CONTENT_SECURITY_POLICY
    text = re.sub(r"\s+", " ", page)
    for words in ("An expression is not an emotion.", "bans inferring emotions at work and in education", "FER2013"):
        assert words in text
