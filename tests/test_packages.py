"""Every command where only the core install is there: one sentence that names the extra, and no traceback."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from fer_zoo import console
from fer_zoo.cli import main as cli
from fer_zoo.packages import EXTRAS, require


@pytest.fixture
def core_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Nothing but the core install can be imported; an empty working folder."""
    # What another test has imported already, with its modules.
    for module in [*EXTRAS, *(name for name in sys.modules if name.partition(".")[0] in EXTRAS)]:
        monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "extra"),
    [
        (["train"], "tensorflow"),
        (["train", "--recipe", "fernet_tiny", "--backend", "jax"], "tensorflow"),
        (["ensemble", "a.keras", "b.keras", "--output", "x"], "tensorflow"),
        (["average", "a.keras", "b.keras", "--output", "x"], "tensorflow"),
        (["evaluate", "baseline_cnn:onnx:int8"], "benchmark"),
        (["predict", "face.png", "--model", "baseline_cnn:tflite:int8"], "litert"),
        (["predict", "face.png", "--model", "baseline_cnn:keras"], "tensorflow"),
        (["predict", "clip.mp4"], "video"),
        (["predict", "clip.mp4", "--plot", "x.png"], "video"),
        (["predict", "photos", "--engine", "ray", "--output", "x.parquet"], "ray"),
        (["live"], "video"),
        (["serve"], "serve"),
        (["export", "fernet_tiny"], "export"),
        (["data", "download"], "download"),
        (["benchmark"], "benchmark"),
        (["benchmark", "latency"], "benchmark"),
        (["benchmark", "crops"], "benchmark"),
        (["benchmark", "debug", "baseline_cnn:onnx:int8"], "embed"),
        (["benchmark", "sensitivity", "baseline_cnn"], "embed"),
        (["benchmark", "training"], "tensorflow"),
        (["benchmark", "peers", "--peers", "x"], "benchmark"),
        (["benchmark", "quantizers", "model.keras"], "export"),
        (["benchmark", "robustness"], "benchmark"),
    ],
    ids=" ".join,
)
def test_a_command_names_the_extra_it_needs(
    core_install: Path, arguments: list[str], extra: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert console.run(cli.main, arguments) in (1, 2)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    assert "pip install 'fer-zoo[" in captured.err
    assert extra in captured.err
    assert not list(core_install.iterdir())


def test_the_page_is_written_without_the_extra_of_the_server(core_install: Path) -> None:
    assert console.run(cli.main, ["serve", "--build", "page", "--model", "fernet_nano:onnx:int8"]) == 0
    assert (core_install / "page" / "models.json").is_file()


def test_an_import_that_fails_later_is_a_sentence_too(core_install: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def main(arguments: list[str]) -> None:
        import matplotlib.figure  # noqa: F401

    assert console.run(main, []) == 2
    assert capsys.readouterr().err == "error: matplotlib is not installed; run `pip install 'fer-zoo[benchmark]'`\n"


def test_a_module_of_our_own_that_is_missing_keeps_its_traceback() -> None:
    def main(arguments: list[str]) -> None:
        import fer_zoo.no_such_module  # noqa: F401

    with pytest.raises(ModuleNotFoundError):
        console.run(main, [])


def test_require_passes_over_what_is_installed() -> None:
    require("keras", "sklearn")


def test_the_extras_are_those_of_the_project() -> None:
    text = (Path(__file__).parent.parent / "pyproject.toml").read_text()
    section = text.partition("[project.optional-dependencies]")[2].partition("\n[")[0]
    names = {line.partition(" = ")[0] for line in section.splitlines()}
    assert set(EXTRAS.values()) <= names
