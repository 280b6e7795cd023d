"""Writes files that appear complete or not at all; checksums of files; the cache folder.

A file is written under a temporary name and then renamed. A process that is killed leaves its temporary file behind;
the next process that writes to the same folder removes it. A temporary file is in use as long as its process holds a
lock on it, which ends with the process.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from fer_zoo.errors import UsageError

_TEMPORARY = re.compile(r"\.writing-[0-9a-f]{8}-")
# Folders whose leftover temporary files this process has removed.
_cleaned: set[str] = set()


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path beside `path`, renamed to `path` on success and removed on failure.

    The temporary name has the suffix of `path`, by which several libraries choose the format.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary, lock = _new_file(path.parent, path.name)
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
        _close(lock)


@contextmanager
def temporary_folder(parent: Path) -> Iterator[Path]:
    """Yield a new empty folder in `parent`, which is created if necessary; the folder is removed at the end."""
    parent.mkdir(parents=True, exist_ok=True)
    _clean_once(parent)
    folder, lock = _created(parent, "folder", Path.mkdir)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        _close(lock)


def remove_leftovers(folder: Path) -> None:
    """Remove temporary files and folders in `folder` that killed processes have left behind.

    Those of running processes stay. If the operating system or the file system has no locks, all stay.
    """
    with suppress(OSError):
        for entry in list(os.scandir(folder)):
            if _TEMPORARY.match(entry.name):
                _remove_if_unused(Path(entry.path))


def check_writable(path: str | os.PathLike[str]) -> None:
    """Check before long work that `atomic_path` will be able to write to a path.

    Raises:
        UsageError: The path is a folder, or its folder cannot be written to.
    """
    path = Path(path)
    try:
        if path.is_dir():
            raise UsageError(f"{path} is a folder; give the name of a file")
        folder = next(parent for parent in path.absolute().parents if parent.exists())
        (folder / path.name).exists()  # Raises an error if the name is too long.
        temporary, lock = _new_file(folder, path.name)
        temporary.unlink()
        _close(lock)
    except OSError as error:
        raise UsageError(f"{path} cannot be written ({error.strerror}); give another name") from error


def _new_file(folder: Path, name: str) -> tuple[Path, int | None]:
    _clean_once(folder)
    # Only the end of the name, so that the temporary name is not too long.
    return _created(folder, name[-50:], _make_file)


def _make_file(path: Path) -> None:
    """Create an empty file. The module tempfile is not used, since only the owner may read its files."""
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))


def _created(folder: Path, name: str, make: Callable[[Path], None]) -> tuple[Path, int | None]:
    """A new temporary path, and the descriptor that holds its lock until it is closed."""
    while True:
        path = folder / f".writing-{secrets.token_hex(4)}-{name}"
        make(path)
        try:
            lock = _lock(path)
        except (BlockingIOError, FileNotFoundError):
            continue  # Before it was locked, another process removed it as a leftover.
        if path.exists():
            return path, lock
        _close(lock)


def _clean_once(folder: Path) -> None:
    """Call `remove_leftovers` only before the first file that this process writes to a folder, which may be large."""
    key = os.path.abspath(folder)
    if key not in _cleaned:
        _cleaned.add(key)
        remove_leftovers(folder)


def _remove_if_unused(path: Path) -> None:
    with suppress(OSError):
        lock = _lock(path)
        if lock is None:
            return
        try:
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
        finally:
            _close(lock)


def _lock(path: Path) -> int | None:
    """Lock a file or folder until the returned descriptor is closed; `None` if the system has no locks.

    Raises:
        BlockingIOError: The file is already locked.
    """
    try:
        import fcntl
    except ImportError:  # Windows
        return None
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        if isinstance(error, BlockingIOError):
            raise
        return None
    return descriptor


def _close(lock: int | None) -> None:
    if lock is not None:
        os.close(lock)


def write_bytes(path: str | os.PathLike[str], content: bytes) -> None:
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: str | os.PathLike[str], content: str) -> None:
    # The content may have file names with bytes that are not valid text.
    write_bytes(path, content.encode(errors="replace"))


def write_json(path: str | os.PathLike[str], value: Any, indent: int | None = 2) -> None:
    """Write a value as JSON; without `indent` in one line, for files that few people read."""
    write_text(path, json.dumps(value, indent=indent, ensure_ascii=False) + "\n")


def write_csv(path: str | os.PathLike[str], rows: Sequence[dict[str, Any]]) -> None:
    """Write a CSV; every key of any row is a column, empty in rows that lack it."""
    table = io.StringIO()
    columns = dict.fromkeys(name for row in rows for name in row)
    writer = csv.DictWriter(table, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, table.getvalue())


def cache_dir() -> Path:
    """The folder for decoded data and downloaded models: `FER_ZOO_CACHE`, else `~/.cache/fer_zoo`. Safe to delete."""
    return Path(os.environ.get("FER_ZOO_CACHE") or "~/.cache/fer_zoo").expanduser()


def sha256(path: str | os.PathLike[str]) -> str:
    """The SHA-256 of a file's content, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
