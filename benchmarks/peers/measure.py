"""Measures accuracy, latency, cold start and memory of the peers and of our artifacts, all in one run."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from fer_zoo.console import progress, track
from fer_zoo.contract import EXPRESSIONS
from fer_zoo.cpu import cores
from fer_zoo.data import Dataset, train_copies
from fer_zoo.errors import FerZooError
from fer_zoo.files import sha256
from fer_zoo.inference import load_classifier
from fer_zoo.zoo import Artifact, local_path

from ..accuracy.measure import accuracy_of
from ..accuracy.rows import Accuracy
from ..journal import Journal
from ..latency.measure import RUNTIMES, cold_start
from ..latency.percentiles import medians, summarize
from ..latency.rounds import TimeBlock, in_all, start_cold, time_rounds
from ..latency.rows import Start, Times
from ..latency.timing import time_block
from ..machine import describe, now
from ..options import Options, file_problem, manifest_of, select, test_images
from ..rows import ImageSet
from ..table import write_record
from .catalogue import Peer, find_peers
from .network import count_macs, count_params, import_onnx
from .package import PackageProcess
from .peer_classifier import PeerClassifier, converted, files_of, prepare
from .rows import PackageRow, PeerFile, PeerRow, PeersReport, PeerTimes

_FACES = 256


@dataclass(frozen=True)
class Contestant:
    """A file to measure, with functions that run it.

    Attributes:
        file: Description of the file for the report.
        load: Loads the classifier (`run` and `predict_proba`) with a number of threads.
        inputs: Converts uint8 faces `[n, 48, 48]` to the input of `run`.
        start: Measures the first prediction of a fresh process for one face of 2,304 bytes.
    """

    file: PeerFile
    load: Callable[[int], Any]
    inputs: Callable[[np.ndarray], np.ndarray]
    start: Callable[[bytes], Start]


def run_peers(options: Options, folder: Path, python: str) -> PeersReport:
    """Measure everything and write `peers.json`.

    All contestants take turns in blocks of queries, so that changes in the machine's speed affect all of them equally.
    An interrupted run continues after its last finished part.

    Args:
        options: Options as for latency; `models` selects files of ours.
        folder: Folder with the peers' files, named as in `catalogue.PEERS`.
        python: Interpreter of an environment that has the peers' own packages.

    Raises:
        FerZooError: There are no peers, no artifacts or no test images.
    """
    peers, left_out = find_peers(folder)
    artifacts = [
        a
        for a in select(manifest_of(options), options.models)
        if a.format != "keras" and a.precision in ("fp32", "int8") and tuple(a.output["labels"]) == EXPRESSIONS
    ]
    left_out += [problem for a in artifacts if (problem := file_problem(a, options.artifacts))]
    contestants = [_of_ours(a, options) for a in artifacts if not file_problem(a, options.artifacts)]
    for peer in track(peers, "reading peers"):
        try:
            contestants += _of_peer(peer, folder, min(options.timing.threads))
        except FerZooError as error:
            left_out.append(f"{peer.name} is left out: {error}")
    dataset = test_images(options)
    machine = describe()
    identity = {"settings": asdict(options.timing), "machine": asdict(machine.platform), "data": dataset.fingerprint}
    identity["files"] = {c.file.name: c.file.sha256 for c in contestants}
    journal = Journal(options.output / "peers.partial.jsonl", identity, options.fresh)
    contestants = _evaluate(contestants, dataset, journal, left_out)
    faces = dataset.images[np.linspace(0, len(dataset) - 1, min(_FACES, len(dataset))).astype(int)]
    timing = options.timing

    def failed(name: str, error: Exception) -> None:
        left_out.append(f"{name} is left out: {error}")

    with ExitStack() as stack:
        packages, loaders = _packages(peers, faces, python, stack)
        for c in contestants:
            for batch, threads in product(timing.batches, timing.threads):
                loaders[_key(c.file, batch, threads)] = partial(_block, c, faces, batch, threads)
        time_rounds(loaders, timing, journal, failed)
    starts = {c.file.name: partial(c.start, faces[0].tobytes()) for c in contestants}
    start_cold(starts, timing.cold_starts, journal, failed)
    packages = [replace(package, latency=_package_times(package, journal)) for package in packages]
    measured = [c.file for c in contestants if _is_measured(c.file, options, journal)]
    report = PeersReport(
        finished=now(),
        machine=machine,
        settings=timing,
        data=ImageSet.of(dataset),
        rows=tuple(_row(file, options, journal) for file in measured),
        packages=tuple(packages),
        left_out=tuple(left_out),
    )
    write_record(options.output / "peers.json", report)
    journal.finish()
    return report


def _of_ours(artifact: Artifact, options: Options) -> Contestant:
    path = local_path(artifact, options.artifacts)
    file = PeerFile(
        name=artifact.name,
        family="ours",
        model=artifact.model,
        runtime=RUNTIMES[artifact.format],
        precision=artifact.precision,
        sha256=artifact.sha256,
        bytes=artifact.bytes,
        params=artifact.params,
        macs=artifact.macs,
        license=artifact.license,
        origin="fer_zoo",
        seen="no",
        training="train images",
        size=48,
        channels=1,
    )
    return Contestant(
        file,
        lambda threads: load_classifier(path, threads=threads),
        lambda images: images.astype(np.float32)[..., None],
        partial(cold_start, path, min(options.timing.threads)),
    )


def _of_peer(peer: Peer, folder: Path, threads: int) -> Iterator[Contestant]:
    """The contestants for a peer: its file converted to float32 ONNX, and a TensorFlow Lite file also unchanged."""
    twin = converted(peer, folder)
    model = import_onnx().load(twin)
    runs = [("onnxruntime", "fp32", twin)]
    if peer.kind == "tflite":
        runs.append(("litert", "as published", folder / peer.path))
    for runtime, precision, path in runs:
        file = PeerFile(
            name=f"{peer.name} {'tflite' if path.suffix == '.tflite' else 'onnx'}",
            family="peer",
            model=peer.name,
            runtime=runtime,
            precision=precision,
            sha256=sha256(path),
            bytes=sum(file.stat().st_size for file in files_of(peer, folder)),
            params=count_params(model),
            macs=count_macs(model),
            license=peer.license,
            origin=peer.origin,
            seen=peer.seen,
            training=peer.training,
            size=peer.size,
            channels=peer.channels,
        )
        yield Contestant(
            file,
            partial(PeerClassifier, peer, path),
            partial(prepare, peer),
            partial(cold_start, path, threads, peer=peer.name),
        )


def _evaluate(
    contestants: list[Contestant], dataset: Dataset, journal: Journal, left_out: list[str]
) -> list[Contestant]:
    """Measure the accuracy of each contestant, and return those that can be run."""
    copies = train_copies(dataset)
    done = {name for part in journal.parts("evaluation") for name in part}
    with progress() as bar:
        task = bar.add_task("accuracy", total=len(contestants) - len(done))
        for contestant in contestants:
            if contestant.file.name in done:
                continue
            bar.update(task, description=f"accuracy {contestant.file.name}")
            try:
                measures = accuracy_of(contestant.load(cores()).predict_proba(dataset.images), dataset, copies)
            except Exception as error:  # Each runtime has exceptions of its own; the others are measured all the same.
                left_out.append(f"{contestant.file.name} is left out: {error}")
                continue
            journal.add("evaluation", {contestant.file.name: asdict(measures)})
            done.add(contestant.file.name)
            bar.advance(task)
    return [contestant for contestant in contestants if contestant.file.name in done]


def _packages(
    peers: list[Peer], faces: np.ndarray, python: str, stack: ExitStack
) -> tuple[list[PackageRow], dict[str, Callable[[], TimeBlock]]]:
    """The rows of the peers' PyPI packages, still without times, and the processes that time them."""
    rows: list[PackageRow] = []
    loaders: dict[str, Callable[[], TimeBlock]] = {}
    file = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "faces.npy"
    np.save(file, faces)
    for peer in (peer for peer in peers if peer.package):
        name = str(peer.package)
        try:
            process = PackageProcess(name, python, file)
        except (FerZooError, OSError) as error:
            rows.append(PackageRow(name, peer.name, skipped=str(error)))
            continue
        stack.callback(process.close)
        rows.append(PackageRow(name, peer.name, **process.facts))
        loaders[f"package {name}"] = partial(partial, process.time_block, faces)
    return rows, loaders


def _block(contestant: Contestant, faces: np.ndarray, batch: int, threads: int) -> TimeBlock:
    inputs = contestant.inputs(faces)
    batches = np.resize(inputs, (max(len(inputs) // batch, 1), batch, *inputs.shape[1:]))
    return partial(time_block, contestant.load(threads).run, batches)


def _package_times(package: PackageRow, journal: Journal) -> Times | None:
    key = f"package {package.package}"
    rounds = [part[key] for part in journal.parts("round") if key in part]
    return summarize(rounds, 1) if rounds and not package.skipped else None


def _is_measured(file: PeerFile, options: Options, journal: Journal) -> bool:
    settings = product(options.timing.batches, options.timing.threads)
    timed = all(in_all(journal.parts("round"), _key(file, *setting)) for setting in settings)
    return timed and in_all(journal.parts("cold_start"), file.name)


def _key(file: PeerFile, batch: int, threads: int) -> str:
    return f"{file.name} batch {batch} threads {threads}"


def _row(file: PeerFile, options: Options, journal: Journal) -> PeerRow:
    latency = (
        PeerTimes(
            **vars(summarize([part[_key(file, batch, threads)] for part in journal.parts("round")], batch)),
            batch=batch,
            threads=threads,
        )
        for batch, threads in product(options.timing.batches, options.timing.threads)
    )
    return PeerRow(
        **vars(file),
        evaluation=next(Accuracy(**part[file.name]) for part in journal.parts("evaluation") if file.name in part),
        latency=tuple(latency),
        cold_start=medians([Start(**part[file.name]) for part in journal.parts("cold_start")]),
    )
