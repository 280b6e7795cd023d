"""Finding a model file of the zoo by its reference."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from fer_zoo.errors import UsageError
from fer_zoo.zoo.artifact import Artifact
from fer_zoo.zoo.manifest import artifacts_dir, load_manifest
from fer_zoo.zoo.paths import artifact_path, verified, verified_path
from fer_zoo.zoo.reference import Reference


def find_artifact(text: str, artifacts: Sequence[Artifact]) -> Artifact:
    """The file among `artifacts` that a reference names.

    Args:
        text: `NAME`, `NAME:FORMAT` or `NAME:FORMAT:PRECISION`. Without a format it is an ONNX file, without a precision
            the most exact one there is.
        artifacts: As `load_manifest` returns them.

    Raises:
        UsageError: There is no such file; names the closest ones.
    """
    reference = Reference.parse(text)
    if reference.format is None:
        reference = replace(reference, format="onnx")
    found = next((artifact for artifact in artifacts if reference.covers(artifact.reference)), None)
    if found:
        return found
    files = [str(artifact.reference) for artifact in artifacts if artifact.model == reference.model]
    if files:
        raise UsageError(f"there is no file {str(reference)!r}; {reference.model} has {', '.join(files)}")
    raise unknown_model(reference.model, (artifact.model for artifact in artifacts))


def unknown_model(name: str, known: Iterable[str]) -> UsageError:
    """The error for a name that is none of `known`; names the closest ones."""
    close = difflib.get_close_matches(name, sorted(set(known)))
    hint = f" did you mean {', '.join(close)}?" if close else ""
    return UsageError(f"there is no model {name!r};{hint} `fer-zoo models` lists all")


def find_file(text: str) -> Path:
    """The path of the zoo's file that `NAME`, `NAME:FORMAT` or `NAME:FORMAT:PRECISION` names, as `find_artifact`.

    Raises:
        UsageError: There is no such file in the manifest; says how to make one that does not ship.
        FerZooError: It belongs to what ships, but is missing or damaged.
    """
    present = load_manifest()
    try:
        artifact = find_artifact(text, present)
    except UsageError:
        every = load_manifest(absent=True)
        if len(every) == len(present):
            raise
        absent = find_artifact(text, every)
        raise UsageError(
            f"{absent.reference} is too large to ship; make it with `python -m export {absent.model}`"
        ) from None
    return verified_path(artifact, artifacts_dir())


def entry_of(path: Path, folder: Path) -> Artifact | None:
    """The entry for a file in the manifest of `folder`, `None` where it has none.

    Raises:
        FerZooError: The manifest cannot be read.
    """
    folder, path = folder.resolve(), path.resolve()
    if folder not in path.parents:
        return None
    name = path.relative_to(folder).as_posix()
    return next((artifact for artifact in load_manifest(folder) if artifact.path == name), None)


def checked_file(path: Path) -> Path:
    """`path`, verified where it is a file of the zoo; one that the manifest does not list stays as it is.

    Raises:
        FerZooError: It is not the file that the manifest describes.
    """
    listed = entry_of(path, artifacts_dir())
    return verified(path, listed.sha256) if listed else path


def original_path(model: str, absent: bool = False) -> Path | None:
    """The Keras original of a published model, by its name; one that is neither shipped nor there only where `absent`.

    `None` where there is no such model.
    """
    originals = (a for a in load_manifest(absent=absent) if a.format == "keras" and a.model == model)
    return next((artifact_path(original, artifacts_dir()) for original in originals), None)
