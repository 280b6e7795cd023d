"""Finds the ONNX files of your own models to serve, by the path of a file, a folder or a Keras original."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from fer_zoo.errors import UsageError
from fer_zoo.files import sha256
from fer_zoo.inference import load_classifier
from fer_zoo.zoo import PRECISIONS, Artifact, artifact_path, has_original, load_manifest


def own_files(path: Path) -> list[tuple[Artifact, Path]]:
    """The ONNX files that a path stands for, with their manifest entries, the most exact one first.

    The model of an entry gets the name of the run, or of the folder.

    Args:
        path: An .onnx file, a folder that `python -m export` wrote, a .keras file with such a folder `export` beside
            it, or a run's folder with both.

    Raises:
        UsageError: There is no ONNX file; the message says how to make one.
        FerZooError: The file is damaged, or its input or output is not like that of the zoo's models.
    """
    if not path.exists():
        raise UsageError(f"there is no model {path}")
    original = path / "model.keras" if path.is_dir() and not (path / "manifest.json").exists() else path
    if path.suffix == ".onnx":
        folder = path.parent
    else:
        folder = path if original is path and path.is_dir() else original.parent / "export"
    manifest = load_manifest(folder, absent=True)
    paths = {artifact_path(a, folder): a for a in manifest if a.format == "onnx"}
    entries = {file: artifact for file, artifact in paths.items() if file.parent == folder and file.is_file()}
    if path.suffix == ".onnx":
        entries = {path: entries.get(path) or _described(path)}
    elif not entries or (original.suffix == ".keras" and not has_original(manifest, original)):
        raise UsageError(
            f"the page and the API run ONNX files, and {path} has none; make them: python -m export {original}"
        )
    name = folder.absolute().parent.name if folder.name == "export" else folder.absolute().name
    renamed = [(replace(entry, model=name, path=f"{name}/{file.name}"), file) for file, entry in entries.items()]
    return sorted(renamed, key=lambda pair: PRECISIONS.index(pair[0].precision))


def _described(path: Path) -> Artifact:
    """A manifest entry for a file that no manifest lists, with unknown values left empty."""
    with load_classifier(path, isolated=True) as classifier:
        labels = list(classifier.labels)
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
