"""Commands in terminals, pipes and windows of every kind."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fer_zoo import console
from fer_zoo.cli import main as cli
from fer_zoo.console import native_messages_dropped, out, write_out


@pytest.fixture
def face(shared: Path) -> str:
    return str(shared / "media" / "obama-480p.jpg")


def test_without_stdout_and_stderr_the_output_file_is_written(
    face: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    files = ["predict", face, str(tmp_path / "missing.jpg")]
    assert console.run(cli.main, [*files, "--output", str(tmp_path / "a.json")]) == 1
    assert '"label": "happy"' in (tmp_path / "a.json").read_text()
    assert console.run(cli.main, ["predict", face]) == 0


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_characters_that_a_terminal_lacks_are_replaced(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.TextIOWrapper):
        def isatty(self) -> bool:
            return True

    terminal = Terminal(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", terminal)
    assert console.run(lambda _: write_out("Freude █ 喜") or out.print("喜び"), []) == 0
    assert terminal.buffer.getvalue().startswith(b"Freude ? ?")  # type: ignore[attr-defined]


def test_a_pipe_gets_utf8(monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", pipe)
    assert console.run(lambda _: write_out("喜び"), []) == 0
    assert pipe.buffer.getvalue().decode() == "喜び"  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_a_pipe_that_nobody_reads_is_no_traceback(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as pipe:
        monkeypatch.setattr(sys, name, pipe)
        code = console.run(cli.main, ["models"] if name == "stdout" else ["predict", "missing.jpg"])
        assert code == 1
        pipe.write("no error: what comes now goes nowhere")


def test_native_messages_are_dropped_while_a_command_runs(capfd: pytest.CaptureFixture[str]) -> None:
    def command(_: list[str]) -> None:
        with native_messages_dropped():
            os.write(2, b"chatter")
        os.write(2, b"after")

    assert console.run(command, []) == 0
    with native_messages_dropped():
        os.write(2, b", a guest")
    assert capfd.readouterr().err == "after, a guest"


def test_a_file_does_not_take_the_place_of_a_closed_descriptor(tmp_path: Path) -> None:
    program = "import os; from fer_zoo import console; console.run(lambda _: os.open('file', os.O_CREAT) < 3)"
    command = f'exec {sys.executable} -c "{program}" >&- 2>&-'
    assert subprocess.run(["sh", "-c", command], cwd=tmp_path, check=False).returncode == 0
    assert (tmp_path / "file").exists()
