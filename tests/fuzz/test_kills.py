"""Commands that are killed at any of their changes of files: the next command ends as if nothing had happened.

In CI the end of the process is played: at a chosen change of a file, and after it, every change fails. `FER_ZOO_FUZZ=9`
plays nine times as many. `FER_ZOO_KILLS=40` kills real processes, at as many random times.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess
from unittest.mock import patch

import numpy as np
import pytest
from commands import ROOT
from fuzzing import FACTOR

from fer_zoo import files
from fer_zoo.cli.model_files import refuse_nonempty
from fer_zoo.errors import UsageError
from fer_zoo.files import write_json
from fer_zoo.zoo import artifacts_dir

Command = Callable[..., CompletedProcess[str]]

pytestmark = pytest.mark.usefixtures("undrawn")

REAL_KILLS = int(os.environ.get("FER_ZOO_KILLS", "0"))

# What differs from run to run.
_VARIES = {"commit", "seconds", "seconds_per_epoch", "images_per_second", "images_per_s"}


@dataclass(frozen=True)
class Case:
    """A command that writes to `out`.

    Attributes:
        module: Its module.
        arguments: What follows on the command line.
        kills: Played in CI; of slow ones none, and with `FER_ZOO_FUZZ=9` eight.
    """

    module: str
    arguments: tuple[str, ...]
    kills: int


_SHIPPED = ("shipped/model.keras",)
_MODELS = ("one/model.keras", "other/model.keras")
CASES = {
    "build": Case("fer_zoo.serve", ("--build", "out", "--model", "fernet_nano:onnx:int8"), 4),
    "predict": Case(
        "fer_zoo.predict",
        ("photo.jpg", "face.png", "--model", "fernet_nano", "--annotate", "out/drawn", "--output", "out/answers.csv"),
        3,
    ),
    "average": Case("fer_zoo.average", (*_MODELS, "--output", "out", "--data", "faces.zip"), 0),
    "ensemble": Case("fer_zoo.ensemble", (*_MODELS, "--output", "out", "--data", "faces.zip"), 0),
    "train": Case(
        "fer_zoo.train",
        ("--model", "fernet_nano", "--epochs", "2", "--batch-size", "32", "--precision", "float32", "--calibrate",
         "--data", "faces.zip", "--output", "out"),
        0,
    ),
    "export": Case(
        "export",
        (*_SHIPPED, "--output", "out", "--data", "faces.zip", "--formats", "onnx", "--leave-out", "onnx:int8"),
        0,
    ),
}  # fmt: skip


@pytest.fixture
def started(
    tmp_path: Path,
    made_once: Callable[..., Path],
    part_of_bundle: Callable[[Path, int], Path],
    happy_photo: Path,
) -> Callable[[str, Case], Path]:
    """`started(NAME, CASE)`: a new folder to start the command in, with what it reads."""

    def make(folder: Path) -> None:
        (folder / "photo.jpg").write_bytes(happy_photo.read_bytes())
        with zipfile.ZipFile(part_of_bundle(folder / "faces.zip", 40)) as archive:
            name = next(name for name in archive.namelist() if name.endswith(".png"))
            (folder / "face.png").write_bytes(archive.read(name))

    def start(name: str, case: Case) -> Path:
        sources = [made_once("kills", make)]
        if any(word.endswith(".keras") for word in case.arguments):
            sources.append(made_once("kills-models", _make_trainings))
        (tmp_path / name).mkdir()
        for path in (path for source in sources for path in source.iterdir()):
            (tmp_path / name / path.name).symlink_to(path)
        return tmp_path / name

    return start


def _make_trainings(folder: Path) -> None:
    """fernet_nano moved one way and the opposite way, whose average is better than each, and itself."""
    import keras

    model = keras.models.load_model(artifacts_dir() / "fernet_nano" / "model.keras", compile=False)
    chance, shipped = np.random.default_rng(5), model.get_weights()
    moves = [chance.normal(size=weight.shape) * np.abs(weight).mean() * (weight.ndim > 1) for weight in shipped]
    for name, far in (("one", 0.3), ("other", -0.3), ("shipped", 0)):
        model.set_weights([weight + far * move for weight, move in zip(shipped, moves, strict=True)])
        (folder / name).mkdir()
        model.save(folder / name / "model.keras")


class _Killed(BaseException):
    pass


@contextmanager
def _killed_at(change: int, below: Path) -> Iterator[list[str]]:
    """Have the process die at a change of a file below a folder; yields the changes before."""
    changes: list[str] = []
    locks: list[int | None] = []
    lock = files._lock

    def dying(function: Callable[..., object]) -> Callable[..., object]:
        def changed(path: str | Path, *arguments: object, **options: object) -> object:
            if below in Path(os.path.abspath(path)).parents:
                changes.append(f"{function.__name__} {path}")
                if len(changes) >= change:
                    raise _Killed
            return function(path, *arguments, **options)

        return changed

    def noted(path: Path) -> int | None:
        locks.append(lock(path))
        return locks[-1]

    with patch.object(files, "_lock", noted):
        for name in ("replace", "rename", "unlink", "rmdir", "mkdir"):
            patch.object(os, name, dying(getattr(os, name))).start()
        try:
            yield changes
        finally:
            patch.stopall()
            files._cleaned.clear()
            for descriptor in filter(None, locks):
                with suppress(OSError):
                    os.close(descriptor)


def _result(folder: Path) -> dict[str, object]:
    """What a command has written, without what differs from run to run."""
    found: dict[str, object] = {}
    for path in sorted((folder / "out").rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.suffix == ".keras":
            with zipfile.ZipFile(path) as archive:
                found[name] = archive.read("model.weights.h5")
        elif path.name in ("history.csv", "evaluation.md", "README.md"):
            found[name] = True
        elif path.suffix == ".json":
            found[name] = _lasting(json.loads(path.read_text()))
        elif path.is_file():
            found[name] = path.read_bytes()
    return found


def _lasting(value: object) -> object:
    if isinstance(value, dict):
        return {key: _lasting(item) for key, item in value.items() if key not in _VARIES}
    return [_lasting(item) for item in value] if isinstance(value, list) else value


def _go_on(run: Callable[..., CompletedProcess[str]], case: Case) -> None:
    """The same command again, or the one that it names; nothing where the killed one had all but ended."""
    done = run(case.module, *case.arguments)
    if done.returncode == 2 and "--resume out" in done.stderr:
        done = run(case.module, "--resume", "out")
    elif done.returncode == 2 and "already holds a" in done.stderr:
        return
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", CASES)
def test_commands_killed_at_a_change_of_a_file(
    name: str, started: Callable[[str, Case], Path], command: Command
) -> None:
    case = CASES[name]
    kills = round(case.kills * FACTOR) if case.kills else round(FACTOR - 1)
    if not kills:
        pytest.skip("slow; FER_ZOO_FUZZ=2 and more has it")
    if not case.kills:
        pytest.importorskip("keras")

    def run(folder: Path) -> Callable[..., CompletedProcess[str]]:
        return lambda module, *arguments: command(module, *arguments, folder=folder)

    whole = started("whole", case)
    with _killed_at(sys.maxsize, whole) as changes:
        assert run(whole)(case.module, *case.arguments).returncode == 0
    expected = _result(whole)
    chance = random.Random(name)
    for number in range(kills):
        folder = started(f"killed{number}", case)
        with _killed_at(change := chance.randint(1, len(changes)), folder), pytest.raises(_Killed):
            run(folder)(case.module, *case.arguments)
        _go_on(run(folder), case)
        assert _result(folder) == expected, f"killed at change {change}, {changes[change - 1]}"
        assert not list(folder.rglob(".writing-*")), f"killed at change {change}, {changes[change - 1]}"


def test_only_what_the_same_command_left_unfinished_is_written_over(tmp_path: Path) -> None:
    refuse_nonempty(tmp_path / "new", "averaged")
    (tmp_path / ".writing-01234567-config.json").touch()
    refuse_nonempty(tmp_path, "averaged")
    assert not list(tmp_path.iterdir())
    write_json(tmp_path / "config.json", {"averaged": [], "finished": False})
    (tmp_path / "model.keras").touch()
    refuse_nonempty(tmp_path, "averaged")
    with pytest.raises(UsageError, match="already holds a model"):
        refuse_nonempty(tmp_path, "members")
    for config in ({"averaged": [], "finished": True}, {"averaged": []}, {"finished": False}):
        write_json(tmp_path / "config.json", config)
        with pytest.raises(UsageError, match="already holds a model"):
            refuse_nonempty(tmp_path, "averaged")


@pytest.mark.skipif(not REAL_KILLS, reason="minutes; FER_ZOO_KILLS=40 has it")
def test_processes_killed_at_random_times(started: Callable[[str, Case], Path]) -> None:
    def run(folder: Path) -> Callable[..., CompletedProcess[str]]:
        def wait(module: str, *arguments: str) -> CompletedProcess[str]:
            return subprocess.run(
                [sys.executable, "-m", module, *arguments], cwd=folder, env=environment, capture_output=True, text=True
            )

        return wait

    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    chance = random.Random(40)
    expected: dict[str, tuple[float, dict[str, object]]] = {}
    for number in range(REAL_KILLS):
        name = list(CASES)[number % len(CASES)]
        case = CASES[name]
        if name not in expected:
            whole, start = started(f"whole-{name}", case), time.monotonic()
            done = run(whole)(case.module, *case.arguments)
            assert done.returncode == 0, done.stderr
            expected[name] = time.monotonic() - start, _result(whole)
        seconds, result = expected[name]
        folder = started(f"killed{number}", case)
        process = subprocess.Popen(
            [sys.executable, "-m", case.module, *case.arguments],
            cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        # Nothing is written in the first half, while libraries are loaded.
        time.sleep(seconds * chance.uniform(0.5, 1))
        process.send_signal(signal.SIGKILL)
        process.wait()
        _go_on(run(folder), case)
        print(f"{number}: {name} killed")
        assert _result(folder) == result, name
        assert not list(folder.rglob(".writing-*"))
