"""Where the files of an export go. An export replaces only what an export wrote, unless the user agrees."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from fer_zoo import console
from fer_zoo.errors import UsageError
from fer_zoo.files import remove_leftovers, sha256
from fer_zoo.zoo import Artifact, artifact_path, artifacts_dir, has_original, in_package, load_manifest, run_config

# The folder for phones within a model's folder: `export.mobile`.
MOBILE = "mobile"


@dataclass(frozen=True)
class Destination:
    """The folder of an export.

    Attributes:
        folder: Where its files go.
        root: Folder of the manifest that lists them: the artifacts folder for a model of the zoo, else `folder`.
    """

    folder: Path
    root: Path

    @property
    def in_zoo(self) -> bool:
        """Whether this is a model's folder in the artifacts folder."""
        return self.folder != self.root

    def entries(self) -> list[Artifact]:
        """The manifest's entries of the folder, those of missing files included."""
        return [a for a in load_manifest(self.root, absent=True) if artifact_path(a, self.root).parent == self.folder]

    def holds(self, source: Path) -> bool:
        """Whether the folder has an export of this very model.

        That is, of this `.keras` file, by its checksum, or of an ensemble of the same members: made again from them,
        its file has other bytes.
        """
        made_of = _members(source.parent)
        return has_original(self.entries(), source) or (made_of != () and made_of == _members(self.folder))

    def prior(self) -> tuple[float, ...] | None:
        """The training prior that the manifest gives the folder's files; `None` for none."""
        return next((tuple(entry.output["prior"]) for entry in self.entries() if "prior" in entry.output), None)


def destination_of(source: Path, name: str, output: Path | None = None, publish: bool = False) -> Destination:
    """Choose the folder of a model's export.

    Args:
        source: Its `.keras` file.
        name: Its name, which is that of its folder in the zoo.
        output: The folder; the default is `export` beside `source`.
        publish: Use the zoo instead, the artifacts folder.

    Raises:
        UsageError: The folder is inside the installed package.
    """
    root = artifacts_dir() if publish else output or source.parent / "export"
    if in_package(root):
        raise UsageError(
            f"{root} is inside the installed package, which is left as it was installed; "
            "pass --output FOLDER, or set FER_ZOO_ARTIFACTS to a folder of yours"
        )
    root = root.resolve()
    return Destination(root / name if publish else root, root)


def _members(folder: Path) -> tuple[object, ...]:
    """The members and the temperature of the ensemble in a folder; empty for any other model."""
    config = run_config(folder)
    return (config["members"], config.get("temperature")) if config.get("members") else ()


def refuse_replacing(destination: Destination, source: Path, force: bool) -> None:
    """Ask before an export replaces another model or other files; without a terminal, refuse.

    The folder `export` of the run itself is replaced without a question.

    Raises:
        UsageError: The folder has something else, `force` is false, and the user did not agree.
    """
    folder = destination.folder
    if force or destination.holds(source):
        return
    remove_leftovers(folder)
    entries = destination.entries()
    unfinished = not entries and (folder / "model.keras").exists() and sha256(folder / "model.keras") == sha256(source)
    if unfinished:  # An export of the same model was killed before it wrote the manifest.
        return
    if entries and folder != source.parent.resolve() / "export":
        conflict = f"{folder} holds another model, {entries[0].model}"
    elif not entries and folder.exists() and any(path.name != MOBILE for path in folder.iterdir()):
        conflict = f"{folder} is not empty, and what is in it was not made by export"
    else:
        return
    if not agreed(f"{conflict}. Replace it?"):
        raise UsageError(f"{conflict}; choose another --output, or pass --force to replace it")


def move_files(folder: Path, output: Path) -> None:
    """Move every file by a rename; other files of `output` stay."""
    output.mkdir(parents=True, exist_ok=True)
    # The original first: after a kill, the next export knows by it whose files these are.
    for path in sorted(folder.iterdir(), key=lambda path: path.name != "model.keras"):
        os.replace(path, output / path.name)


def sha_of_original(folder: Path) -> str | None:
    """The SHA-256 of the Keras original of the files for phones in `folder`, `None` where it is not known."""
    facts = folder / "mobile.json"
    try:
        return str(json.loads(facts.read_text("utf-8"))["sha256_of_keras_original"]) if facts.exists() else None
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def agreed(question: str) -> bool:
    """Ask the person at the terminal; false where there is no terminal."""
    if not (sys.stdin.isatty() and console.out.is_terminal):
        return False
    return console.out.input(f"{question} \\[y/N] ").strip().casefold() in ("y", "yes")
