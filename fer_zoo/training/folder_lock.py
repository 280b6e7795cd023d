"""One run at a time in each folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from fer_zoo.errors import FerZooError


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Lock `folder` for this run within the context; it is created if it does not exist.

    The lock is on the folder itself, and the operating system releases it whenever the process ends. Systems and file
    systems without such locks lock nothing. A created folder in which nothing was written is removed again.

    Raises:
        FerZooError: Another run holds the lock.
    """
    is_new = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with _lock(folder):
            yield
    finally:
        if is_new:
            with suppress(OSError):
                folder.rmdir()


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise FerZooError(
                    f"another run is writing to {folder}; wait until it has ended, or choose another --output"
                ) from error
        yield
    finally:
        os.close(descriptor)
