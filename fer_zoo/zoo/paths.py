"""Finds the file of a manifest entry and verifies its checksum."""

from __future__ import annotations

import os
from pathlib import Path

from fer_zoo.errors import FerZooError
from fer_zoo.files import cache_dir, sha256
from fer_zoo.zoo.artifact import Artifact

# The hash of each file that this process has read, by path, size and modification time. It is not stored on disk: the
# modification time does not change when the disk itself damages a file.
_hashes: dict[tuple[str, int, int], str] = {}


def artifact_path(artifact: Artifact, folder: Path) -> Path:
    """The path of an artifact's file in the artifacts folder, whether the file exists or not.

    Args:
        artifact: An entry of the manifest.
        folder: The artifacts folder, where the manifest is.

    Raises:
        FerZooError: The path leaves the folder, also by a symbolic link.
    """
    path = folder / artifact.path
    root = os.path.realpath(folder)
    if os.path.commonpath([root, os.path.realpath(path)]) != root:
        raise FerZooError(f"{path} leads out of {folder}; put the file itself there")
    return path


def cached_path(artifact: Artifact) -> Path:
    """The path of an artifact's downloaded copy in the cache; the checksum in it separates versions of the zoo."""
    return cache_dir() / "models" / artifact.model / artifact.sha256[:12] / Path(artifact.path).name


def local_path(artifact: Artifact, folder: Path) -> Path:
    """The path of an artifact's file on this machine: in the artifacts folder, else that of its downloaded copy.

    Args:
        artifact: An entry of the manifest.
        folder: The artifacts folder, where the manifest is.

    Returns:
        The path of the file that exists; if neither exists, the path in the artifacts folder.

    Raises:
        FerZooError: The path leaves the folder, also by a symbolic link.
    """
    path = artifact_path(artifact, folder)
    return cached_path(artifact) if not path.is_file() and cached_path(artifact).is_file() else path


def verified_path(artifact: Artifact, folder: Path) -> Path:
    """`local_path`, after checking that the file's content is what the manifest describes.

    A file is read once in a process, and again after its size or modification time has changed.

    Args:
        artifact: An entry of the manifest.
        folder: The artifacts folder, where the manifest is.

    Raises:
        FerZooError: The path leaves the folder, or the file is missing or has another checksum.
    """
    return verify_checksum(local_path(artifact, folder), artifact.sha256)


def verify_checksum(path: Path, expected: str) -> Path:
    """`path`, after checking that the SHA-256 of its content is `expected`, in hexadecimal.

    Raises:
        FerZooError: The checksum is different, or there is no such file.
    """
    if not path.is_file():
        raise FerZooError(f"{path} is in the manifest but missing; restore it or run `python -m export` again")
    if not has_checksum(path, expected):
        raise FerZooError(
            f"{path} is not the file that the manifest describes (its sha256 differs); "
            "restore it or run `python -m export` again"
        )
    return path


def has_checksum(path: Path, expected: str) -> bool:
    """Whether the SHA-256 of a file's content is `expected`, in hexadecimal."""
    status = path.stat()
    key = os.path.realpath(path), status.st_size, status.st_mtime_ns
    if key not in _hashes:
        _hashes[key] = sha256(path)
    return _hashes[key] == expected
