"""`fer-zoo models`: lists the trained models of the zoo, and downloads or verifies their files."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.table import Table

from fer_zoo.console import HelpFormatter, out, print_error
from fer_zoo.contract import IMAGE_SIZE
from fer_zoo.errors import FerZooError, UsageError
from fer_zoo.inference import DEFAULT_MODEL, load_classifier
from fer_zoo.models import list_models
from fer_zoo.tables import print_table
from fer_zoo.zoo import (
    Reference,
    artifacts_dir,
    fetch,
    find_entry,
    has_checksum,
    load_manifest,
    local_path,
    models_address,
    unknown_model,
    verify_checksum,
)
from fer_zoo.zoo.info import ModelInfo, trained_models


def main(arguments: list[str]) -> int:
    options = _parser().parse_args(arguments)
    if options.action == "pull":
        return _pull(options.references, options.all)
    if options.action == "verify":
        return _verify_files(options.files) if options.files else _verify()
    return _list_files() if options.action == "list" else _compare()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="List the trained models, the most accurate of each task first; or list, download or verify their "
        "files.",
        epilog="FER_ZOO_MODELS is where files are downloaded from: a web address, hf://OWNER/NAME or a folder. "
        "Downloads are stored in FER_ZOO_CACHE, else in ~/.cache/fer_zoo.",
        formatter_class=HelpFormatter,
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION")
    actions.add_parser("list", help="list every file with its size, and whether it is on this machine")
    pull = actions.add_parser("pull", help="download files", description="Download files that are not on this machine.")
    pull.add_argument(
        "references", nargs="*", metavar="NAME[:FORMAT[:PRECISION]]", help="download all files that match"
    )
    pull.add_argument("--all", action="store_true", help="every file of the zoo")
    check = "compare the SHA-256 of every file on this machine with the manifest's; exit code 1 if one differs"
    verify = actions.add_parser("verify", help=check, description=f"{check.capitalize()}.")
    verify.add_argument(
        "files",
        nargs="*",
        type=Path,
        metavar="FILE",
        help="verify these instead; one that is not in the manifest is loaded and run, in a process of its own",
    )
    return parser


def _list_files() -> int:
    folder, manifest = artifacts_dir(), load_manifest(absent=True)
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("file", no_wrap=True)
    table.add_column("size", justify="right", no_wrap=True)
    table.add_column("where", no_wrap=True)
    absent = 0
    for artifact in manifest:
        path = local_path(artifact, folder)
        absent += 0 if path.is_file() else artifact.bytes
        where = "" if not path.is_file() else "on this machine" if folder in path.parents else "downloaded"
        table.add_row(str(artifact.reference), _size(artifact.bytes), where)
    print_table(table)
    address = models_address()
    rest = "Set FER_ZOO_MODELS to an address to download them from; python -m export NAME makes them in a clone."
    if address:
        rest = f"They are downloaded from {address} when they are used, or by fer-zoo models pull."
    out.print(f"\n{_size(absent)} are not on this machine. {rest if absent else ''}", markup=False)
    return 0


def _pull(references: Sequence[str], everything: bool) -> int:
    if bool(references) == everything:
        raise UsageError("say which files to download: NAME, NAME:FORMAT, NAME:FORMAT:PRECISION or --all")
    manifest = load_manifest(absent=True)
    wanted = {artifact.path: artifact for artifact in manifest if everything}
    for text in references:
        reference = Reference.parse(text)
        covered = {artifact.path: artifact for artifact in manifest if reference.covers(artifact.reference)}
        if not covered:
            names = {artifact.model for artifact in manifest}
            raise (
                UsageError(f"{reference.model} has no file {text!r}; `fer-zoo models` lists all")
                if reference.model in names
                else unknown_model(reference.model, names)
            )
        wanted |= covered
    folder = artifacts_dir()
    for artifact in wanted.values():
        present = local_path(artifact, folder).is_file()
        path = fetch(artifact, folder)
        out.print(f"{artifact.reference} {'is on this machine' if present else 'was downloaded'}: {path}", markup=False)
    return 0


def _verify() -> int:
    folder = artifacts_dir()
    manifest = load_manifest(absent=True)
    present = load_manifest()
    absent = [artifact for artifact in manifest if artifact not in present]
    damaged = [path for a in present if not has_checksum(path := local_path(a, folder), a.sha256)]
    for path in damaged:
        print_error(f"{path} is not the file that the manifest describes; restore it, or remove it and download it")
    if absent:
        out.print("not on this machine:", *(f"  {a.reference}" for a in absent), sep="\n", markup=False)
    out.print(f"{len(present) - len(damaged)} of {len(present)} files are as the manifest describes them")
    return 1 if damaged else 0


def _verify_files(files: Sequence[Path]) -> int:
    """Verify files by the manifest, or by running them if it does not list them; returns 1 if one fails."""
    folder = artifacts_dir()
    failed = False
    for path in files:
        try:
            if path.exists() and (artifact := find_entry(path, folder)):
                verify_checksum(path, artifact.sha256)
                out.print(f"{path} is {artifact.reference}, as the manifest describes it", markup=False)
                continue
            with load_classifier(path, isolated=True) as classifier:
                classifier.predict_proba(np.zeros((2, IMAGE_SIZE, IMAGE_SIZE), np.uint8))
                labels = ", ".join(classifier.labels)
                out.print(f"{path} is not in the manifest; it runs, and its classes are {labels}", markup=False)
        except FerZooError as error:
            failed = True
            print_error(error)
    return 1 if failed else 0


def _compare() -> int:
    models = sorted(trained_models(), key=lambda model: (model.task != "FER2013", -model.accuracy.get("test", 0)))
    print_table(_table(models))
    untrained = set(list_models()) - {model.architecture for model in models}
    timed = sorted({model.latency.cpu for model in models if model.latency})
    out.print(
        "\nAccuracy of the float32 model on FER2013's test images, and on PrivateTest, the half of them on which "
        "nothing was chosen; for FER+ models with the annotators' majority as labels, which cannot be compared. "
        f"Latency is the median time of one face{', one thread, ' + ' and '.join(timed) if timed else ''}, "
        "size and latency are of the int8 ONNX file.",
        f"Use one with --model NAME or load_classifier(NAME); the default is {DEFAULT_MODEL}.",
        f"Architectures without trained weights, for fer-zoo train --model NAME: {', '.join(sorted(untrained))}.",
        "fer-zoo models list says which of their files are on this machine.",
        sep="\n",
        markup=False,
        soft_wrap=False,
        width=80,
    )
    return 0


def _table(models: list[ModelInfo]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("model", no_wrap=True)
    table.add_column("task", no_wrap=True)
    for heading in ("classes", "test", "Private\nTest", "size", "latency"):
        table.add_column(heading, justify="right", no_wrap=True)
    for model in models:
        int8 = model.file("onnx", "int8")
        table.add_row(
            model.name,
            model.task,
            str(len(model.labels)),
            *(_percent(model.accuracy.get(split)) for split in ("test", "private_test")),
            _size(int8.bytes) if int8 else "",
            f"{model.latency.p50_ms:.3g} ms" if model.latency else "",
        )
    return table


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.2%}"


def _size(count: int) -> str:
    return f"{count / 1e6:.3g} MB" if count >= 1e6 else f"{count / 1e3:.0f} kB"
