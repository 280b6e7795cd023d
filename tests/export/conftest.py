"""One small run, exported once for all tests."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest


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
def made(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Path:
    """A folder with `run/model.keras` and `small.zip`."""
    for package in ("tensorflow", "tf2onnx", "ai_edge_litert"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed; run `pip install 'fer-zoo[export]'`")
    folder = tmp_path_factory.mktemp("export")
    done = subprocess.run(
        [sys.executable, root / "tests" / "export" / "make_run.py", folder],
        env=os.environ | {"PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="session")
def exported(made: Path, command) -> Exported:
    """All formats, published."""
    artifacts = made / "artifacts"
    arguments = ("--data", made / "small.zip", "--output", artifacts / "baseline_cnn", "--calibration", 32)
    done = command("export", made / "run" / "model.keras", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return Exported(made / "run", made / "small.zip", artifacts, done.stdout + done.stderr)
