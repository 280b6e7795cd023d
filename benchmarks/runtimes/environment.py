"""Environments of runtimes, which are created at their first use and stored in the cache."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from fer_zoo.errors import FerZooError
from fer_zoo.files import cache_dir, write_text

from .registry import Runtime

# This file exists in an environment whose installation is complete.
_READY = "installed.txt"
_LIMIT = 1800.0


def environment(runtime: Runtime) -> Path:
    """The folder where a runtime is installed: a virtual environment, or a folder of npm.

    Raises:
        FerZooError: The runtime cannot be installed here; the message has the first errors of pip or npm.
    """
    kind = "node" if runtime.is_node else sys.version
    key = hashlib.sha256("\n".join((kind, *runtime.installed)).encode()).hexdigest()[:16]
    folder = cache_dir() / "runtimes" / key
    if (folder / _READY).exists():
        return folder
    # The files of an environment contain its path, so it cannot be created under a temporary name and renamed.
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if runtime.is_node:
        write_text(folder / "package.json", "{}\n")
        # Without scripts: onnxruntime-node's downloads CUDA, which nothing here uses.
        _run("npm", "install", "--prefix", str(folder), "--ignore-scripts", "--no-fund", *runtime.installed)
    else:
        _run(sys.executable, "-m", "venv", str(folder))
        _run(str(folder / "bin" / "python"), "-m", "pip", "install", *runtime.installed, "numpy")
    write_text(folder / _READY, "\n".join(runtime.installed) + "\n")
    return folder


def _run(*command: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_LIMIT)
    except FileNotFoundError as error:
        raise FerZooError(f"{command[0]} is not installed") from error
    except subprocess.TimeoutExpired as error:
        raise FerZooError(f"{command[0]} did not end within {_LIMIT / 60:.0f} minutes") from error
    if done.returncode:
        lines = [line.strip() for line in (done.stdout + done.stderr).splitlines() if "error" in line.lower()]
        raise FerZooError("; ".join(lines[:2])[:300] or f"{command[0]} ended with code {done.returncode}")
