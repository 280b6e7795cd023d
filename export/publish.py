"""Write the files of a model to the folder of its run or to the zoo, once every parity gate is passed."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from fer_zoo import console
from fer_zoo.evaluation import Evaluation, write_report
from fer_zoo.evaluation.report import PLOTS
from fer_zoo.files import sha256, temporary_folder, write_json, write_text
from fer_zoo.zoo import Artifact, artifact_path, portable, run_config, update_manifest

from .card import write_card
from .destination import MOBILE, Destination, destination_of, refuse_replacing, sha_of_original
from .make import ALL_TARGETS, MORE_TARGETS, TARGETS, Target, Tell, dataset_for, load_model, make, silent
from .plots import plot_parity

# What a training run leaves beside model.keras that belongs to the model.
RUN_FILES = ("config.json", "history.csv", "history.json", "curves.png")
# Plots of a published model; the others are drawn by `python -m fer_zoo.evaluate`.
_PLOTS_IN_GIT = ("confusion.png",)
_ORDER = ("model.keras", *(target.file for target in ALL_TARGETS))


def publish(
    source: Path,
    output: Path | None = None,
    data: str | None = None,
    calibration_images: int = 512,
    formats: tuple[str, ...] = ("onnx", "tflite"),
    ferplus: Path | None = None,
    leave_out: tuple[str, ...] = (),
    also: tuple[str, ...] = (),
    into_zoo: bool = False,
    force: bool = False,
    command: str = "",
    tell: Tell = silent,
) -> list[Artifact]:
    """Export a trained model, beside its run or into the zoo, if every file passes its parity gate.

    Everything is made in a temporary folder beside the output, so that a failure at any point leaves the output and
    the manifest as they were.

    Args:
        source: A `model.keras` on the zoo's contract; the other files of its run are copied with it.
        output: Folder of the files, their manifest and card; `export` beside `source` where not given.
        data: Folder, zip or CSV; `None` is the bundled sample. Parity is measured on all its test images.
        calibration_images: Train images that static quantization is calibrated on.
        formats: `onnx`, `tflite` or both.
        ferplus: FER+'s votes, for a model of its expressions.
        leave_out: Files not to write, each `format:precision`.
        also: Files to write that are made on request only, likewise.
        into_zoo: Publish in the artifacts folder, `artifacts/<model name>`, in place of `output`.
        force: Replace another model that lies there.
        command: What made the files, for the manifest.
        tell: Gets the table of parities, and sentences on what was written.

    Returns:
        The manifest's entries, the Keras original first.

    Raises:
        UsageError: Another model or other files lie there.
        FerZooError: The model does not fit the contract, or a gate is missed; nothing is written then.
    """
    model = load_model(source)
    destination = destination_of(source, model.name, output, into_zoo)
    refuse_replacing(destination, source, force)
    targets = [t for t in TARGETS if t.format in formats and str(t) not in leave_out]
    targets += [t for t in MORE_TARGETS if str(t) in also]
    dataset = dataset_for(model, source, data, ferplus, tell)
    written = {destination.folder / target.file for target in (Target("keras", "fp32", "model.keras"), *targets)}
    others = [a for a in destination.entries() if artifact_path(a, destination.root) not in written]
    kept = others if destination.holds(source) else []
    with _temporary(destination) as folder, console.progress() as bar:
        shutil.copyfile(source, folder / "model.keras")
        for name in RUN_FILES:
            if (source.parent / name).exists():
                shutil.copyfile(source.parent / name, folder / name)
        if destination.in_zoo and (folder / "config.json").exists():
            write_json(folder / "config.json", portable(run_config(folder)))
        made = make(model, source, folder, dataset, targets, calibration_images, bar, command, tell)
        artifacts = made.artifacts(destination) + kept
        artifacts.sort(key=lambda artifact: _ORDER.index(Path(artifact.path).name))
        details = {"file": "model.keras", "data": portable(dataset.source) if destination.in_zoo else dataset.source}
        test, copies = dataset.subset("test"), made.copies
        plots = _PLOTS_IN_GIT if destination.in_zoo else PLOTS
        write_report(folder, model.name, test, made.reference, details, made.trained_on, copies, plots)
        if not destination.in_zoo:
            plot_parity(folder / "parity.png", artifacts)
        write_card(folder, artifacts, made.evaluations["model.keras"], _reports(destination))
        if destination.in_zoo:
            _leave_out_of_git(folder, artifacts)
        _move(folder, destination.folder)
    removed = [] if kept else others
    for artifact in removed:
        artifact_path(artifact, destination.root).unlink(missing_ok=True)
        tell(f"removed {artifact.path}, of another model")
    remove_outdated_mobile(destination.folder, source, tell)
    update_manifest(artifacts, destination.root, removed)
    _tell_results(destination, artifacts, tell)
    return artifacts


def complete(
    name: str,
    source: Path,
    data: str | None = None,
    calibration_images: int = 512,
    formats: tuple[str, ...] = ("onnx", "tflite"),
    ferplus: Path | None = None,
    leave_out: tuple[str, ...] = (),
    command: str = "",
    tell: Tell = silent,
) -> list[Artifact]:
    """Make the files of a model of the zoo that the manifest lists and that are not there, such as large ones.

    Args:
        name: As in the manifest.
        source: Its `.keras` file, or that of an ensemble made again from its members.
        data: As for `publish`, and so are the others.

    Returns:
        The entries of the files that were made; nothing else is written.

    Raises:
        UsageError: The zoo is inside the installed package.
        FerZooError: A gate is missed.
    """
    destination = destination_of(source, name, publish=True)
    missing = [a for a in destination.entries() if not artifact_path(a, destination.root).exists()]
    files = {Path(artifact.path).name for artifact in missing}
    targets = [t for t in ALL_TARGETS if t.file in files and t.format in formats and str(t) not in leave_out]
    original = "model.keras" in files
    if not targets and not original:
        tell(f"every file of {name} that was asked for is in {destination.folder}; --force makes all of them again")
        _renew_card(destination)
        return []
    model = load_model(source)
    dataset = dataset_for(model, source, data, ferplus, tell)
    with _temporary(destination) as folder, console.progress() as bar:
        shutil.copyfile(source, folder / "model.keras")
        for path in destination.folder.glob("*.json"):
            shutil.copyfile(path, folder / path.name)
        made = make(model, source, folder, dataset, targets, calibration_images, bar, command, tell)
        artifacts = [a for a in made.artifacts(destination) if original or a.format != "keras"]
        for artifact in artifacts:
            os.replace(folder / Path(artifact.path).name, artifact_path(artifact, destination.root))
    # The published figures stay: the model is the same, and the images that it was checked on here may be few.
    published = {artifact.path: artifact for artifact in missing}
    entries = [
        replace(published[a.path], sha256=a.sha256, bytes=a.bytes, oldest_keras=a.oldest_keras) for a in artifacts
    ]
    update_manifest(entries, destination.root)
    _renew_card(destination)
    tell(f"made {', '.join(Path(a.path).name for a in entries)} in {destination.folder}")
    return entries


def _reports(destination: Destination) -> Path | None:
    return destination.root / "reports" if destination.in_zoo else None


def _renew_card(destination: Destination) -> None:
    """Write a card of the zoo anew from its facts, which reports may have added to."""
    path = destination.folder / "evaluation.json"
    if path.exists():
        splits = json.loads(path.read_text("utf-8"))["splits"]
        evaluations = {split: Evaluation(**values) for split, values in splits.items()}
        write_card(destination.folder, destination.entries(), evaluations, _reports(destination))


@contextmanager
def _temporary(destination: Destination) -> Iterator[Path]:
    """An empty folder on the same file system, removed at the end."""
    with temporary_folder(destination.folder.parent) as temporary:
        folder = temporary / destination.folder.name
        folder.mkdir()
        yield folder


def _tell_results(destination: Destination, artifacts: list[Artifact], tell: Tell) -> None:
    if not destination.in_zoo:
        tell(f"exported {len(artifacts)} files to {destination.folder}")
        tell(f"use it: fer-zoo predict PHOTO --model {_shown(destination.folder)}")
        return
    tell(f"published {len(artifacts)} files in {destination.folder}")
    for artifact in artifacts:
        if not artifact.shipped:
            tell(f"{artifact.path} is large: git leaves it out, and `python -m export {artifact.model}` makes it again")


def _shown(folder: Path) -> str:
    """Shorter where the folder is below the current one."""
    return str(folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder)


def remove_outdated_mobile(output: Path, source: Path, tell: Tell) -> None:
    """Remove files for phones from `output` that were made of another Keras original than `source`."""
    folder = output / MOBILE
    if sha_of_original(folder) not in (None, sha256(source)):
        shutil.rmtree(folder)
        tell(f"removed {folder}, of another model; make it again with --target mobile")


def _leave_out_of_git(folder: Path, artifacts: list[Artifact]) -> None:
    names = [Path(artifact.path).name for artifact in artifacts if not artifact.shipped]
    if names:
        write_text(folder / ".gitignore", "".join(f"/{name}\n" for name in names))


def _move(folder: Path, output: Path) -> None:
    """Put every file in its place by a rename; the folder itself may hold others that stay."""
    output.mkdir(parents=True, exist_ok=True)
    # The original first: where this is killed, it tells the next export whose files these are.
    for path in sorted(folder.iterdir(), key=lambda path: path.name != "model.keras"):
        os.replace(path, output / path.name)
