"""Models of one's own that are served: the ONNX files of an export, by the path of file, folder or Keras original."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from fer_zoo.errors import UsageError
from fer_zoo.files import sha256
from fer_zoo.inference import load_classifier
from fer_zoo.zoo import PRECISIONS, Artifact, artifact_path, load_manifest


def own_files(path: Path) -> list[tuple[Artifact, Path]]:
    """The ONNX files that a path means, with their manifest's entries, the exact one first.

    An entry's model is called like the run, or like the folder.

    Args:
        path: An .onnx file, a folder that `python -m export` wrote, a .keras file with such a folder `export` beside
            it, or a run's folder with both.

    Raises:
        UsageError: There is no ONNX file; says how to make one.
        FerZooError: The file is damaged or not on the zoo's contract.
    """
    if not path.exists():
        raise UsageError(f"there is no model {path}")
    if path.suffix == ".onnx":
        folder, files = path.parent, [path]
    else:
        original = path / "model.keras" if path.is_dir() and not (path / "manifest.json").exists() else path
        folder = path if original is path and path.is_dir() else original.parent / "export"
        files = [artifact_path(a, folder) for a in _entries(folder)]
        if not files or (original.suffix == ".keras" and not _is_export_of(folder, original)):
            raise UsageError(
                f"the page and the API run ONNX files, and {path} has none; make them: python -m export {original}"
            )
    entries = {artifact_path(artifact, folder): artifact for artifact in _entries(folder)}
    name = folder.absolute().parent.name if folder.name == "export" else folder.absolute().name
    found = []
    for file in files:
        artifact = entries.get(file) or _described(file)
        found.append((replace(artifact, model=name, path=f"{name}/{file.name}"), file))
    return sorted(found, key=lambda pair: PRECISIONS.index(pair[0].precision))


def _entries(folder: Path) -> list[Artifact]:
    return [a for a in load_manifest(folder) if a.format == "onnx" and artifact_path(a, folder).parent == folder]


def _is_export_of(folder: Path, original: Path) -> bool:
    """Whether the folder's export was made of this very file."""
    if not original.is_file():
        return False
    return any(a.format == "keras" and a.sha256 == sha256(original) for a in load_manifest(folder))


def _described(path: Path) -> Artifact:
    """What can be told of a file that no manifest lists."""
    labels = list(load_classifier(path).labels)
    return Artifact(
        model=path.stem,
        format="onnx",
        precision="int8" if ".int8." in path.name else "fp32",
        path=path.name,
        sha256=sha256(path),
        bytes=path.stat().st_size,
        params=0,
        macs=0,
        trained_on="unknown",
        output={"name": "probabilities", "labels": labels},
        license="not stated",
    )
