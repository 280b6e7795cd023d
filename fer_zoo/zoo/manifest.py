"""The artifacts folder and its manifest: which model files exist, and their measured accuracy and parity."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from dataclasses import asdict
from pathlib import Path

from fer_zoo.errors import FerZooError
from fer_zoo.files import sha256, write_json
from fer_zoo.zoo.artifact import Artifact
from fer_zoo.zoo.paths import local_path
from fer_zoo.zoo.reference import FORMATS, PRECISIONS
from fer_zoo.zoo.schema import SCHEMA, parse_manifest

_PACKAGE = Path(__file__).resolve().parents[1]

# The entries of each manifest that this process has read, with the file's inode, size and modification time at that
# moment. A manifest is replaced as a whole (`write_json`), which gives it another inode.
_parsed: dict[str, tuple[tuple[int, int, int], tuple[Artifact, ...]]] = {}


def artifacts_dir() -> Path:
    """The artifacts folder: `FER_ZOO_ARTIFACTS`, else inside the installed package, else the checkout's."""
    if os.environ.get("FER_ZOO_ARTIFACTS"):
        return Path(os.environ["FER_ZOO_ARTIFACTS"])
    installed = _PACKAGE / "artifacts"
    return installed if installed.is_dir() else _PACKAGE.parent / "artifacts"


def in_package(path: Path) -> bool:
    """Whether `path` is inside the installed package, where nothing may be written."""
    return _PACKAGE in path.resolve().parents


def load_manifest(folder: Path | None = None, absent: bool = False) -> list[Artifact]:
    """The artifacts of the manifest in `folder` whose files are on this machine; with `absent`, all of them.

    The list is empty if there is no manifest yet.

    Raises:
        FerZooError: The manifest cannot be read, or is not valid as `fer_zoo.zoo.schema` describes it.
    """
    folder = folder or artifacts_dir()
    return [entry for entry in _entries(folder) if absent or local_path(entry, folder).is_file()]


def has_original(entries: Iterable[Artifact], path: Path) -> bool:
    """Whether the entries of a manifest include exactly this `.keras` file, by checksum; false if it does not exist."""
    originals = {entry.sha256 for entry in entries if entry.format == "keras"}
    return bool(originals) and path.is_file() and sha256(path) in originals


def update_manifest(artifacts: list[Artifact], folder: Path | None = None, removed: Collection[Artifact] = ()) -> None:
    """Add `artifacts` to the manifest, replacing entries with the same path, and delete the entries in `removed`."""
    folder = folder or artifacts_dir()
    entries = {artifact.path: artifact for artifact in _entries(folder) if artifact not in removed}
    entries |= {artifact.path: artifact for artifact in artifacts}
    ordered = sorted(entries.values(), key=lambda a: (a.model, FORMATS.index(a.format), PRECISIONS.index(a.precision)))
    write_json(folder / "manifest.json", {"schema": SCHEMA, "artifacts": [asdict(artifact) for artifact in ordered]})


def _entries(folder: Path) -> list[Artifact]:
    path = folder / "manifest.json"
    if not path.exists():
        return []
    try:
        key, status = os.path.realpath(path), path.stat()
        version = status.st_ino, status.st_size, status.st_mtime_ns
        if _parsed.get(key, (None,))[0] != version:
            _parsed[key] = version, tuple(parse_manifest(path.read_text("utf-8")))
        return list(_parsed[key][1])
    except (OSError, ValueError) as error:
        raise FerZooError(f"{path} is not a manifest ({error}); restore it or run `python -m export` again") from error
