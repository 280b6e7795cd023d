from __future__ import annotations

import sys
from types import ModuleType

import pytest
from make_fer2013 import write_folder

from fer_zoo.cli.data import download, main
from fer_zoo.errors import FerZooError, UsageError

URL = "https://www.kaggle.com/datasets/msambare/fer2013"


def kagglehub(monkeypatch, dataset_download) -> None:
    module = ModuleType("kagglehub")
    module.dataset_download = dataset_download
    monkeypatch.setitem(sys.modules, "kagglehub", module)


def test_check_prints_the_counts_and_writes_the_report(command, files, tmp_path):
    folder = write_folder(tmp_path / "fer [1]", files | {"train/angry/Training_0.png": b""})
    done = command("fer_zoo.data", "check", folder, "--output", tmp_path / "report")
    assert done.returncode == 1, done.stderr
    assert str(folder) in done.stdout
    assert "14 / 28,709" in done.stdout
    assert "train/angry/Training_0.png is empty" in done.stdout
    assert "This is not the complete FER2013" in done.stdout
    assert sorted(path.name for path in (tmp_path / "report").iterdir()) == ["check.json", "check.png"]


def test_check_of_readable_files_succeeds(files, tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert main(["check", str(write_folder(tmp_path / "fer", files)), "--output", str(tmp_path / "report")]) == 0


def test_wrong_usage_is_one_sentence(command, tmp_path):
    done = command("fer_zoo.data", "check", tmp_path / "nowhere")
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert command("fer_zoo.data").returncode == 2


def test_download_without_kagglehub_tells_how_to_do_it_by_hand(monkeypatch):
    monkeypatch.setitem(sys.modules, "kagglehub", None)
    with pytest.raises(FerZooError, match=r"pip install 'fer-zoo\[download\]'") as raised:
        download()
    assert raised.value.exit_code == 1
    assert URL in str(raised.value)
    assert "--data" in str(raised.value)


def test_download_without_network_tells_how_to_do_it_by_hand(monkeypatch, tmp_path):
    def fail(_):
        raise ConnectionError("HTTPSConnectionPool(host='api.kaggle.com', port=443): Max retries exceeded")

    kagglehub(monkeypatch, fail)
    with pytest.raises(FerZooError, match=r"no connection") as raised:
        download(tmp_path / "fer2013")
    assert URL in str(raised.value)
    assert not (tmp_path / "fer2013").exists()


def test_download_copies_to_the_output_folder(monkeypatch, files, tmp_path):
    folder = write_folder(tmp_path / "kagglehub", files)
    kagglehub(monkeypatch, lambda name: str(folder) if name == "msambare/fer2013" else None)
    assert download() == folder
    output = tmp_path / "here" / "fer2013"
    assert download(output) == output
    assert sum(path.is_file() for path in output.rglob("*")) == len(files)
    assert [path.name for path in output.parent.iterdir()] == ["fer2013"]
    with pytest.raises(UsageError, match="not an empty folder"):
        download(output)
