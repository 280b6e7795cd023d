"""The input files of `fer-zoo predict`, and the paths of annotated copies."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from fer_zoo.errors import UsageError
from fer_zoo.faces.results import Failure
from fer_zoo.files import check_writable
from fer_zoo.pictures import SUFFIXES
from fer_zoo.text import printable


@dataclass
class Inputs:
    """The files to read.

    Attributes:
        files: Files in the order of the arguments; those of a folder sorted by name.
        failures: Folders that cannot be listed or have no images.
        left_out: Files in folders whose suffix is not that of an image.
    """

    files: list[Path] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    left_out: list[Path] = field(default_factory=list)


def find_inputs(paths: list[Path]) -> Inputs:
    """The files of `paths`, each folder replaced by the images anywhere below it."""
    inputs = Inputs()
    for path in paths:
        # path.is_dir would raise an error if the name is too long.
        if not os.path.isdir(path):
            inputs.files.append(path)
            continue
        before = len(inputs.files), len(inputs.failures)
        for file in _below(path, inputs.failures):
            (inputs.files if file.suffix.lower() in SUFFIXES else inputs.left_out).append(file)
        if (len(inputs.files), len(inputs.failures)) == before:
            inputs.failures.append(Failure(printable(path), f"the folder {printable(path)} has no images"))
    return inputs


def _below(folder: Path, failures: list[Failure]) -> Iterator[Path]:
    """The files anywhere below a folder that are not hidden, including broken links."""

    def failed(error: OSError) -> None:
        name = printable(error.filename)
        failures.append(Failure(name, f"the folder {name} cannot be read: {error.strerror}"))

    files = [Path(parent, name) for parent, _, names in os.walk(folder, onerror=failed) for name in names]
    return (file for file in sorted(files) if not file.name.startswith("."))


def check_targets(files: list[Path], **targets: Path | None) -> None:
    """Refuse outputs that cannot be written, before the work starts, or that would overwrite an input.

    Args:
        files: The input files.
        targets: The output paths by the name of their option.
    """
    for option, target in targets.items():
        if target is None:
            continue
        if any(_is_same(target, file) for file in files):
            raise UsageError(f"--{option} {printable(target)} would write over that input; give another name")
        check_writable(target)


def find_drawings(files: list[Path], target: Path | None, single: bool) -> dict[Path, Path]:
    """The path of each file's annotated copy: `target` itself for a single file, else a unique name in that folder."""
    if target is None:
        return {}
    from fer_zoo.faces.annotate import check_picture_name

    if target.suffix and not target.is_dir():
        if not single:
            raise UsageError(f"--annotate {target} is one picture, but there are more inputs; give a folder")
        check_picture_name(target)
        check_targets(files, annotate=target)
        return {files[0]: target}
    check_writable(target / "drawing.jpg")
    inputs = {file.absolute() for file in files}
    counts: dict[str, int] = {}
    drawings: dict[Path, Path] = {}
    used: set[str] = set()
    for file in files:
        stem = file.stem
        while stem in used:
            counts[file.stem] = counts.get(file.stem, 1) + 1
            stem = f"{file.stem}-{counts[file.stem]}"
        used.add(stem)
        drawings[file] = target / f"{stem}.jpg"
        if drawings[file].absolute() in inputs:
            raise UsageError(f"--annotate {target} would write over {drawings[file]}; give another folder")
    return drawings


def _is_same(one: Path, other: Path) -> bool:
    try:
        return os.path.samefile(one, other)
    except OSError:  # One of them does not exist.
        return False
