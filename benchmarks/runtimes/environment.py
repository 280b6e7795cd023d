"""Environments of runtimes, which are created at their first use and stored in the cache."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from fer_zoo.console import progress
from fer_zoo.errors import FerZooError
from fer_zoo.files import cache_dir, write_text

from .registry import Runtime

# This file exists in an environment whose installation is complete.
_READY = "installed.txt"
_LIMIT = 1800.0
# Installations at a time, which mostly wait for the network and the disk.
_AT_A_TIME = 2


def environments(runtimes: Sequence[Runtime]) -> dict[str, Path | FerZooError]:
    """The environments of runtimes by their names; the error in place of one that cannot be created here."""
    kinds = {_key(runtime): runtime for runtime in runtimes}
    with progress() as bar, ThreadPoolExecutor(_AT_A_TIME) as pool:
        created = bar.track(pool.map(_created, kinds.values()), len(kinds), description="installing")
        found = dict(zip(kinds, created, strict=True))
    return {runtime.name: found[_key(runtime)] for runtime in runtimes}


def environment(runtime: Runtime) -> Path:
    """The folder where a runtime is installed: this environment, a virtual environment, or a folder of npm.

    Raises:
        FerZooError: The runtime cannot be installed here; the message has the first errors of pip or npm.
    """
    if is_here(runtime):
        return Path(sys.prefix)
    folder = cache_dir() / "runtimes" / _key(runtime)
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
        _run(str(folder / "bin" / "python"), "-m", "pip", "install", "--no-compile", *runtime.installed, "numpy")
    write_text(folder / _READY, "\n".join(runtime.installed) + "\n")
    return folder


def is_here(runtime: Runtime) -> bool:
    """Whether the environment of this process has the runtime's packages in the same versions."""
    return not runtime.is_node and all(map(_is_installed, runtime.installed))


def _is_installed(package: str) -> bool:
    """Whether a package such as `onnx==1.23.2`, perhaps with extras or a bound, is installed as it says."""
    name, _, wanted = package.partition("==")
    if not wanted or "[" in name:
        return False
    try:
        return version(name).partition("+")[0] == wanted
    except PackageNotFoundError:
        return False


def _created(runtime: Runtime) -> Path | FerZooError:
    try:
        return environment(runtime)
    except FerZooError as error:
        return error


def _key(runtime: Runtime) -> str:
    """The name of the folder of the runtime's environment, which others with the same packages share."""
    kind = "node" if runtime.is_node else sys.version
    return hashlib.sha256("\n".join((kind, *runtime.installed)).encode()).hexdigest()[:16]


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
