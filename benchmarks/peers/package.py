"""A PyPI package of a peer, called as its users call it, in a process and perhaps an environment of its own."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np

from fer_zoo.errors import FerZooError


class PackageProcess:
    """A package in a process of its own, which runs until `close`.

    Attributes:
        facts: `version`, `call`, `peak_memory_bytes` after the first prediction, and `cold_start_ms` until then.

    Args:
        package: `fer` or `facex`.
        python: The interpreter of an environment where it is installed.
        faces: A `.npy` file of uint8 `[n, 48, 48]`.

    Raises:
        FerZooError: The package is not installed there or fails; the message is its last line.
    """

    def __init__(self, package: str, python: str, faces: Path) -> None:
        script = Path(__file__).with_name("package_call.py")
        started = time.monotonic_ns()
        self._process = subprocess.Popen(
            [python, str(script), package, str(faces)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
            text=True,
        )
        try:
            self.facts: dict[str, Any] = self._read()
        except BaseException:
            self.close()
            raise
        self.facts["cold_start_ms"] = (time.monotonic_ns() - started) / 1e6

    def time_block(self, batches: np.ndarray, **limits: Any) -> list[int]:
        """Nanoseconds of each call, as `timing.time_block`; on the faces of the file."""
        return self._ask(limits)

    def predict(self) -> list[str]:
        """The class that the package names for each face, in its own words."""
        return self._ask({"predict": True})

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()

    def _ask(self, request: dict[str, Any]) -> Any:
        assert self._process.stdin
        with contextlib.suppress(BrokenPipeError):  # Where the process has ended, reading says why.
            print(json.dumps(request), file=self._process.stdin, flush=True)
        return self._read()

    def _read(self) -> Any:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            errors = self._process.communicate()[1].strip().splitlines()
            raise FerZooError(errors[-1] if errors else f"the process ended with code {self._process.returncode}")
        return json.loads(line)
