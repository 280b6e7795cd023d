"""Finding a model file of the zoo by its reference."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from fer_zoo.errors import UsageError
from fer_zoo.zoo.artifact import Artifact
from fer_zoo.zoo.download import fetch
from fer_zoo.zoo.manifest import artifacts_dir, load_manifest
from fer_zoo.zoo.paths import artifact_path, cached_path, verify_checksum
from fer_zoo.zoo.reference import Reference


def find_artifact(text: str, artifacts: Sequence[Artifact]) -> Artifact:
    """The artifact that a reference names.

    Args:
        text: `NAME`, `NAME:FORMAT` or `NAME:FORMAT:PRECISION`. Without a format it means an ONNX file; without a
            precision, the first of `artifacts` that matches, which is the most exact one in a manifest's order.
        artifacts: The artifacts to choose from, as `load_manifest` returns them.

    Raises:
        UsageError: There is no such file; the message names similar models.
    """
    reference = Reference.parse(text)
    if reference.format is None:
        reference = replace(reference, format="onnx")
    match = next((artifact for artifact in artifacts if reference.covers(artifact.reference)), None)
    if match:
        return match
    files = [str(artifact.reference) for artifact in artifacts if artifact.model == reference.model]
    if files:
        raise UsageError(f"there is no file {str(reference)!r}; {reference.model} has {', '.join(files)}")
    raise unknown_model(reference.model, (artifact.model for artifact in artifacts))


def unknown_model(name: str, known: Iterable[str]) -> UsageError:
    """The error for a name that is not among `known`; its message suggests similar names."""
    close = difflib.get_close_matches(name, sorted(set(known)))
    hint = f" did you mean {', '.join(close)}?" if close else ""
    return UsageError(f"there is no model {name!r};{hint} `fer-zoo models` lists all")


def find_file(text: str) -> Path:
    """The path of the zoo's file that `NAME`, `NAME:FORMAT` or `NAME:FORMAT:PRECISION` names.

    Files on this machine come first, in the order of `find_artifact`. If none of them matches, the smallest file that
    matches is downloaded.

    Raises:
        UsageError: There is no such file in the manifest, or it is not on this machine and there is no address to
            download it from.
        FerZooError: The file is damaged, or cannot be downloaded.
    """
    try:
        artifact = find_artifact(text, load_manifest())
    except UsageError:
        artifact = find_artifact(text, sorted(load_manifest(absent=True), key=lambda artifact: artifact.bytes))
    return fetch(artifact, artifacts_dir())


def find_entry(path: Path, folder: Path) -> Artifact | None:
    """The entry for a file, or for its downloaded copy, in the manifest of `folder`; `None` if the file is not listed.

    Raises:
        FerZooError: The manifest cannot be read.
    """
    folder, path = folder.resolve(), path.resolve()
    name = path.relative_to(folder).as_posix() if folder in path.parents else None
    for artifact in load_manifest(folder):
        downloaded = cached_path(artifact)
        if artifact.path == name or (downloaded.name == path.name and downloaded.resolve() == path):
            return artifact
    return None


def checked_file(path: Path) -> Path:
    """`path`, after verifying its checksum if the zoo's manifest lists it; other files are not checked.

    Raises:
        FerZooError: It is not the file that the manifest describes.
    """
    entry = find_entry(path, artifacts_dir())
    return verify_checksum(path, entry.sha256) if entry else path


def member_path(path: Path) -> Path:
    """The path of an ensemble's member that does not ship by itself.

    Args:
        path: `ENSEMBLE/members/NAME.keras`, relative to the artifacts folder; a folder before that is ignored, since
            runs of earlier versions recorded `artifacts/…`. Any other path, and one that exists, is returned as it is.
    """
    if path.parent.name != "members" or path.is_absolute() or path.exists():
        return path
    return artifacts_dir().joinpath(*path.parts[-3:])


def original_path(model: str, absent: bool = False) -> Path | None:
    """The path of a published model's Keras original in the artifacts folder.

    Args:
        model: Name of the model.
        absent: Whether to return the path even if the file is not on this machine.

    Returns:
        The path, or `None` if there is no such model.
    """
    originals = (a for a in load_manifest(absent=absent) if a.format == "keras" and a.model == model)
    return next((artifact_path(original, artifacts_dir()) for original in originals), None)
