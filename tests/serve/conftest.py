"""A server in a process of its own, as users have it."""

from __future__ import annotations

import io
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from running import Serving


@pytest.fixture(scope="session")
def serving(root: Path) -> Iterator[Serving]:
    command = [sys.executable, "-m", "fer_zoo.serve", "--port", "0", "--jobs", "2", "--timeout", "120"]
    process = subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("http://127.0.0.1:"), line
    yield Serving(process, int(line.split("/")[2].rpartition(":")[2]))
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0


@pytest.fixture(scope="session")
def face_file() -> bytes:
    """A picture of 48x48 as a PNG file; what it shows does not matter."""
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(3).integers(0, 256, (48, 48), dtype=np.uint8)).save(file, "PNG")
    return file.getvalue()
