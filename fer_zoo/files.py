"""Files that appear whole or not at all, their checksum, and the cache folder."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fer_zoo.errors import UsageError


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path beside `path`, renamed to `path` on success and removed on failure.

    The temporary name ends like `path` does, since several libraries choose the format by the suffix.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _temporary(path.parent, path.name)
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def check_writable(path: str | os.PathLike[str]) -> None:
    """Find out before long work whether `atomic_path` will be able to write there.

    Raises:
        UsageError: It is a folder, or its folder cannot be written to.
    """
    path = Path(path)
    try:
        if path.is_dir():
            raise UsageError(f"{path} is a folder; give the name of a file")
        folder = next(parent for parent in path.absolute().parents if parent.exists())
        (folder / path.name).exists()  # Raises where the name is too long.
        _temporary(folder, path.name).unlink()
    except OSError as error:
        raise UsageError(f"{path} cannot be written ({error.strerror}); give another name") from error


def _temporary(folder: Path, name: str) -> Path:
    """A new empty file, with the permissions that a file gets there."""
    # Not tempfile, whose files only their owner may read. The end of the name, so that it is not too long.
    path = folder / f".writing-{secrets.token_hex(4)}-{name[-50:]}"
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    return path


def write_bytes(path: str | os.PathLike[str], content: bytes) -> None:
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: str | os.PathLike[str], content: str) -> None:
    # Names of files may hold bytes that are no text.
    write_bytes(path, content.encode(errors="replace"))


def write_json(path: str | os.PathLike[str], value: Any) -> None:
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def write_csv(path: str | os.PathLike[str], rows: list[dict[str, Any]]) -> None:
    """Write at least one row; the first one's keys are the columns."""
    table = io.StringIO()
    writer = csv.DictWriter(table, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, table.getvalue())


def cache_dir() -> Path:
    """Where decoded data and downloaded models are kept: `FER_ZOO_CACHE`, else `~/.cache/fer_zoo`. Safe to delete."""
    return Path(os.environ.get("FER_ZOO_CACHE") or "~/.cache/fer_zoo").expanduser()


def sha256(path: str | os.PathLike[str]) -> str:
    """The SHA-256 of a file's content, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
