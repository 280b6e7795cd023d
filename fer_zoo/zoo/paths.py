"""Where the file of a manifest entry is, and whether it is the one that the entry describes."""

from __future__ import annotations

import os
from pathlib import Path

from fer_zoo.errors import FerZooError
from fer_zoo.files import cache_dir, sha256
from fer_zoo.zoo.artifact import Artifact

# The hash of each file that this process has read, by path, size and time of the last change. Not kept on disk: a file
# that decays there keeps its time.
_hashes: dict[tuple[str, int, int], str] = {}


def artifact_path(artifact: Artifact, folder: Path) -> Path:
    """The path of an artifact's file, which need not be there.

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
    """Where a downloaded copy of an artifact's file is kept; the checksum in it keeps versions of the zoo apart."""
    return cache_dir() / "models" / artifact.model / artifact.sha256[:12] / Path(artifact.path).name


def local_path(artifact: Artifact, folder: Path) -> Path:
    """Where an artifact's file is on this machine: in the artifacts folder, else its downloaded copy.

    Args:
        artifact: An entry of the manifest.
        folder: The artifacts folder, where the manifest is.

    Returns:
        Its path; the one in the artifacts folder where there is neither.

    Raises:
        FerZooError: The path leaves the folder, also by a symbolic link.
    """
    path = artifact_path(artifact, folder)
    return cached_path(artifact) if not path.is_file() and cached_path(artifact).is_file() else path


def verified_path(artifact: Artifact, folder: Path) -> Path:
    """`local_path`, whose content is the one that the manifest describes.

    A file is read once in a process, and again after its size or time has changed.

    Args:
        artifact: An entry of the manifest.
        folder: The artifacts folder, where the manifest is.

    Raises:
        FerZooError: The path leaves the folder, or the file is missing or another one.
    """
    return verified(local_path(artifact, folder), artifact.sha256)


def verified(path: Path, expected: str) -> Path:
    """`path`, if the SHA-256 of its content is `expected`, in hexadecimal.

    Raises:
        FerZooError: It is another one, or there is no such file.
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
