"""Fixtures that several packages share."""

from __future__ import annotations

import atexit
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from fer_zoo.data.dataset import BUNDLED

ROOT = Path(__file__).parent.parent

# XLA compiles in half the time, and what it compiles runs for moments here.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")

# Many tests run JAX in processes of their own: what one has compiled, the others take.
if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
    os.environ["JAX_COMPILATION_CACHE_DIR"] = tempfile.mkdtemp(prefix="jax")
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
    os.environ["JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES"] = "-1"
    atexit.register(shutil.rmtree, os.environ["JAX_COMPILATION_CACHE_DIR"], ignore_errors=True)


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Tests decode into a cache of their own, never the user's."""
    os.environ["FER_ZOO_CACHE"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of large inputs beside the checkout, which users do not have."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip("../shared is not here (the full FER2013 and the photos live there)")
    return folder


@pytest.fixture(scope="session")
def part_of_bundle() -> Callable[[Path, int], Path]:
    """Write a zip with every `step`-th image of the bundled sample."""

    def write(path: Path, step: int) -> Path:
        with zipfile.ZipFile(BUNDLED) as source, zipfile.ZipFile(path, "w") as target:
            for name in [name for name in source.namelist() if name.endswith(".png")][::step]:
                target.writestr(name, source.read(name))
        return path

    return write


@pytest.fixture(scope="session")
def command():
    """Run `python -m MODULE ARGUMENTS` in a process of its own, as a user would."""

    def run(module: str, *arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", module, *map(str, arguments)],
            cwd=ROOT,
            env=os.environ | {"COLUMNS": "200"} | environment,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.fixture(scope="session")
def model_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one untrained model as `model.keras`, `model.onnx`, `model.tflite`, and some that do not fit."""
    for package in ("tensorflow", "tf2onnx", "ai_edge_litert"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed; run `pip install 'fer-zoo[export]'`")
    folder = tmp_path_factory.mktemp("models")
    made = subprocess.run(
        [sys.executable, ROOT / "tests" / "make_models.py", folder],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    return folder
