"""Publish the files of a model, in the folder of its run or in the zoo, if every file passes its parity gates."""

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
from fer_zoo.text import plural
from fer_zoo.zoo import Artifact, artifact_path, run_config, update_manifest, with_portable_paths

from .card import write_card
from .destination import MOBILE, Destination, destination_of, move_files, refuse_replacing, sha_of_original
from .make import ALL_TARGETS, MORE_TARGETS, TARGETS, Target, dataset_for, export_files, load_model
from .options import ExportOptions, Reporter
from .plots import plot_parity

# Files that a training run writes beside model.keras and that belong to the model.
RUN_FILES = ("config.json", "history.csv", "history.json", "curves.png")
# Plots of a published model; the others are drawn by `python -m fer_zoo.evaluate`.
_PLOTS_IN_GIT = ("confusion.png",)
_ORDER = ("model.keras", *(target.file for target in ALL_TARGETS))


def publish(source: Path, options: ExportOptions, output: Path | None = None, into_zoo: bool = False) -> list[Artifact]:
    """Export a trained model, beside its run or into the zoo, if every file passes its parity gates.

    Everything is made in a temporary folder beside the output, so that a failure at any point leaves the output and
    the manifest as they were.

    Args:
        source: A `model.keras` with the zoo's input and output; the other files of its run are copied with it.
        options: Which files to make, from which data.
        output: Folder of the files, their manifest and card; the default is `export` beside `source`.
        into_zoo: Publish in the artifacts folder, `artifacts/<model name>`, in place of `output`.

    Returns:
        The manifest's entries, the Keras original first.

    Raises:
        UsageError: The folder has another model or other files.
        FerZooError: The model does not fit the contract, or a gate is missed; nothing is written then.
    """
    model = load_model(source)
    destination = destination_of(source, model.name, output, into_zoo)
    refuse_replacing(destination, source, options.force)
    targets = [t for t in TARGETS if options.includes(t)]
    targets += [t for t in MORE_TARGETS if str(t) in options.also]
    dataset = dataset_for(model, source, options)
    written = {destination.folder / target.file for target in (Target("keras", "fp32", "model.keras"), *targets)}
    others = [a for a in destination.entries() if artifact_path(a, destination.root) not in written]
    same_model = destination.holds(source)
    retained, removed = (others, []) if same_model else ([], others)
    with _temporary(destination) as folder, console.progress() as bar:
        shutil.copyfile(source, folder / "model.keras")
        for name in RUN_FILES:
            if (source.parent / name).exists():
                shutil.copyfile(source.parent / name, folder / name)
        if destination.in_zoo and (folder / "config.json").exists():
            write_json(folder / "config.json", with_portable_paths(run_config(folder)))
        export = export_files(model, source, folder, dataset, targets, options, bar)
        if export.prior is None and same_model:
            export = replace(export, prior=destination.prior())
        artifacts = export.artifacts(destination) + retained
        artifacts.sort(key=lambda artifact: _ORDER.index(Path(artifact.path).name))
        details = {
            "file": "model.keras",
            "data": with_portable_paths(dataset.source) if destination.in_zoo else dataset.source,
        }
        test, copies = dataset.subset("test"), export.train_copies
        plots = _PLOTS_IN_GIT if destination.in_zoo else PLOTS
        write_report(folder, model.name, test, export.predictions, details, export.training_data, copies, plots)
        if not destination.in_zoo:
            plot_parity(folder / "parity.png", artifacts)
        write_card(folder, artifacts, export.evaluations["model.keras"], _reports(destination))
        if destination.in_zoo:
            _leave_out_of_git(folder, artifacts)
        move_files(folder, destination.folder)
    for artifact in removed:
        artifact_path(artifact, destination.root).unlink(missing_ok=True)
        options.report(f"removed {artifact.path}, of another model")
    remove_outdated_mobile(destination.folder, source, options.report)
    update_manifest(artifacts, destination.root, removed)
    _report_results(destination, artifacts, options.report)
    return artifacts


def complete(name: str, source: Path, options: ExportOptions) -> list[Artifact]:
    """Make the missing files of a model of the zoo: those that its manifest lists and git leaves out, being large.

    Args:
        name: As in the manifest.
        source: Its `.keras` file, or that of an ensemble made again from its members.
        options: Which files to make, from which data; `also` and `force` are not used.

    Returns:
        The entries of the files that were made.

    Raises:
        UsageError: The zoo is inside the installed package.
        FerZooError: A gate is missed.
    """
    destination = destination_of(source, name, publish=True)
    missing = [a for a in destination.entries() if not artifact_path(a, destination.root).exists()]
    files = {Path(artifact.path).name for artifact in missing}
    targets = [t for t in ALL_TARGETS if t.file in files and options.includes(t)]
    original = "model.keras" in files
    if not targets and not original:
        options.report(
            f"every file of {name} that was asked for is in {destination.folder}; --force makes all of them again"
        )
        _renew_card(destination)
        return []
    model = load_model(source)
    dataset = dataset_for(model, source, options)
    with _temporary(destination) as folder, console.progress() as bar:
        shutil.copyfile(source, folder / "model.keras")
        for path in destination.folder.glob("*.json"):
            shutil.copyfile(path, folder / path.name)
        export = export_files(model, source, folder, dataset, targets, options, bar)
        artifacts = [a for a in export.artifacts(destination) if original or a.format != "keras"]
        for artifact in artifacts:
            os.replace(folder / Path(artifact.path).name, artifact_path(artifact, destination.root))
    # The published figures stay: the model is the same, and the images of this check may be few.
    published = {artifact.path: artifact for artifact in missing}
    entries = [
        replace(published[a.path], sha256=a.sha256, bytes=a.bytes, oldest_keras=a.oldest_keras) for a in artifacts
    ]
    update_manifest(entries, destination.root)
    _renew_card(destination)
    options.report(f"made {', '.join(Path(a.path).name for a in entries)} in {destination.folder}")
    return entries


def _reports(destination: Destination) -> Path | None:
    return destination.root / "reports" if destination.in_zoo else None


def _renew_card(destination: Destination) -> None:
    """Write the card of a model of the zoo again: reports may have new measurements of its files."""
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


def _report_results(destination: Destination, artifacts: list[Artifact], report: Reporter) -> None:
    if not destination.in_zoo:
        report(f"exported {plural(len(artifacts), 'file')} to {destination.folder}")
        report(f"use it: fer-zoo predict PHOTO --model {_relative(destination.folder)}")
        return
    report(f"published {plural(len(artifacts), 'file')} in {destination.folder}")
    for artifact in artifacts:
        if not artifact.shipped:
            report(
                f"{artifact.path} is large: git leaves it out, and `python -m export {artifact.model}` makes it again"
            )


def _relative(folder: Path) -> str:
    """The folder, relative to the current one where it is inside."""
    return str(folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder)


def remove_outdated_mobile(output: Path, source: Path, report: Reporter) -> None:
    """Remove files for phones from `output` that were made of another Keras original than `source`."""
    folder = output / MOBILE
    if sha_of_original(folder) not in (None, sha256(source)):
        shutil.rmtree(folder)
        report(f"removed {folder}, of another model; make it again with --target mobile")


def _leave_out_of_git(folder: Path, artifacts: list[Artifact]) -> None:
    names = [Path(artifact.path).name for artifact in artifacts if not artifact.shipped]
    if names:
        write_text(folder / ".gitignore", "".join(f"/{name}\n" for name in names))
