"""The `fer-zoo` script and what every command shares."""

from __future__ import annotations

import errno
import re

import pytest

from fer_zoo import console
from fer_zoo.cli import main as cli
from fer_zoo.errors import FerZooError, UsageError
from fer_zoo.text import plural


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert console.run(cli.main, []) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in ("train", "evaluate", "predict", "live", "export", "benchmark", "data"))


@pytest.mark.parametrize("name", ["train", "evaluate", "predict", "live", "export", "benchmark", "data"])
def test_every_command_has_help(name: str, command) -> None:
    done = command("fer_zoo.cli", name, "--help")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"usage: fer-zoo {name}")


def test_an_unknown_command_exits_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert console.run(cli.main, ["classify"]) == 2
    assert "unknown command 'classify'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (FerZooError("the file [x] is broken"), 1, "the file [x] is broken"),
        (UsageError("no such option"), 2, "no such option"),
        (OSError(errno.ENOSPC, "No space left on device"), 1, "the disk is full"),
        (PermissionError(errno.EACCES, "Permission denied", "/etc/x"), 1, "/etc/x: Permission denied"),
        (MemoryError(), 1, "not enough memory"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_failures_are_one_sentence(
    error: BaseException, code: int, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def main(arguments: list[str]) -> None:
        raise error

    assert console.run(main, []) == code
    shown = capsys.readouterr().err
    assert says in shown
    assert shown.count("\n") == 1


def test_a_bug_keeps_its_traceback() -> None:
    def main(arguments: list[str]) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        console.run(main, [])


def test_progress_in_a_log_is_a_line_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(console, "LINE_SECONDS", 0.0)
    with console.progress() as bar:
        task = bar.add_task("parity", total=1200)
        for name in ("first", "second"):
            bar.update(task, description=f"parity {name}")
            bar.advance(task, 600)
    first, second = capsys.readouterr().err.splitlines()
    assert first == "parity first: 600 of 1,200"
    assert re.fullmatch(r"parity second: 1,200 of 1,200, [\d,.]+/s", second)


def test_short_work_leaves_nothing_in_a_log(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(console.track(range(3), "counting")) == [0, 1, 2]
    assert capsys.readouterr().err == ""


def test_counts_have_a_plural() -> None:
    assert [plural(number, "epoch") for number in (0, 1, 1200)] == ["0 epochs", "1 epoch", "1,200 epochs"]


def test_help_says_defaults_that_say_something() -> None:
    from fer_zoo.cli.train_options import training_parser

    shown = " ".join(training_parser().format_help().split())
    assert "images in a step (default: 128)" in shown
    assert "0 for none (default: 0.0)" in shown
    assert "(default: None)" not in shown
    assert "(default: False)" not in shown
    assert "(default: [])" not in shown
