"""One small run, exported once for all tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from make_run import make_run
from needs import EXPORT, need
from workers import Workers

MakeOnce = Callable[[str, Callable[[Path], object]], Path]


@dataclass(frozen=True)
class Exported:
    """A run folder, its data, and the artifacts folder after `python -m export`."""

    run: Path
    data: Path
    artifacts: Path
    output: str

    @property
    def folder(self) -> Path:
        return self.artifacts / "baseline_cnn"


@pytest.fixture(scope="session")
def made(made_once: MakeOnce, on_backend: Workers) -> Path:
    """A folder with `run/model.keras` and `small.zip`."""
    need(*EXPORT)
    return made_once("run", lambda folder: on_backend("tensorflow", make_run, folder))


@pytest.fixture(scope="session")
def exported(made: Path, made_once: MakeOnce, command) -> Exported:
    """All formats, published."""

    def export(folder: Path) -> None:
        arguments = ("--data", made / "small.zip", "--publish", "--calibration", 32, "--also", "tflite:int8-full")
        model = made / "run" / "model.keras"
        done = command("export", model, *arguments, backend="tensorflow", FER_ZOO_ARTIFACTS=str(folder))
        assert done.returncode == 0, done.stdout + done.stderr
        (folder / "output.txt").write_text(done.stdout + done.stderr)

    artifacts = made_once("exported", export)
    return Exported(made / "run", made / "small.zip", artifacts, (artifacts / "output.txt").read_text())
