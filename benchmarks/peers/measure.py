"""Accuracy, latency, cold start and memory of the peers and of our artifacts, all in one run."""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from fer_zoo.console import progress
from fer_zoo.cpu import cores
from fer_zoo.data import Dataset, train_copies
from fer_zoo.errors import FerZooError
from fer_zoo.files import sha256, write_json
from fer_zoo.inference import load_classifier
from fer_zoo.zoo import Artifact, local_path

from ..accuracy.rows import accuracy_row
from ..journal import Journal
from ..latency.measure import cold_start, order
from ..latency.percentiles import summarize
from ..latency.timing import time_block
from ..machine import describe, now, run_child
from ..options import Options, file_problem, manifest_of, select, tells_fer2013, test_images
from ..report.stored import SCHEMA, identity_of
from .catalogue import Peer, find_peers
from .classifier import PeerClassifier, converted, files_of, prepare
from .network import count_macs, count_params, import_onnx
from .package import PackageProcess
from .verdict import compare

_FACES = 256
_SETTINGS = ("batches", "threads", "queries", "seconds", "rounds", "warmup_seconds", "settle_seconds", "cold_starts")

TimeBlock = Callable[..., list[int]]


@dataclass(frozen=True)
class Contestant:
    """A file of ours or of a peer in one runtime.

    Attributes:
        name: Unique in the run.
        facts: What the report repeats.
        load: Gives the classifier (`run` and `predict_proba`) for a number of threads.
        inputs: Turns uint8 faces `[n, 48, 48]` into what `run` takes.
        start: Gives what `latency.cold_start` does for one face of 2,304 bytes.
    """

    name: str
    facts: dict[str, Any]
    load: Callable[[int], Any]
    inputs: Callable[[np.ndarray], np.ndarray]
    start: Callable[[bytes], dict[str, Any]]


def run_peers(options: Options, folder: Path, python: str) -> dict[str, Any]:
    """Measure everything and write `peers.json`.

    All contestants take turns in blocks of queries, so that a drift of the machine hits them alike. An interrupted run
    goes on after its last finished part.

    Args:
        options: As for latency; `models` chooses among our artifacts.
        folder: The peers' files, as `catalogue.PEERS` names them.
        python: Interpreter of an environment that has the peers' own packages.

    Returns:
        The content of `peers.json`: `rows` (one per file and runtime), `packages`, `comparison`, and `left_out`.

    Raises:
        FerZooError: There are no peers, no artifacts or no test images.
    """
    peers, left_out = find_peers(folder)
    artifacts = [
        a
        for a in select(manifest_of(options), options.models)
        if a.format != "keras" and a.precision in ("fp32", "int8") and tells_fer2013(a)
    ]
    left_out += [problem for a in artifacts if (problem := file_problem(a, options.artifacts))]
    contestants = [_of_ours(a, options) for a in artifacts if not file_problem(a, options.artifacts)]
    for peer in peers:
        try:
            contestants += _of_peer(peer, folder, min(options.threads))
        except FerZooError as error:
            left_out.append(f"{peer.name} is left out: {error}")
    dataset = test_images(options)
    machine = describe()
    settings = {name: value for name, value in asdict(options).items() if name in _SETTINGS}
    identity = {"settings": settings, "machine": identity_of(machine), "data": dataset.fingerprint}
    identity["files"] = {c.name: c.facts["sha256"] for c in contestants}
    journal = Journal(options.output / "peers.partial.jsonl", identity, options.fresh)
    report: dict[str, Any] = {"schema": SCHEMA, "kind": "peers", "complete": False, "started": now()}
    report |= {"machine": machine, "settings": settings, "left_out": left_out}
    report["data"] = {"source": dataset.source, "fingerprint": dataset.fingerprint, "split": "test", "n": len(dataset)}
    contestants = _evaluate(contestants, dataset, journal, left_out)
    faces = dataset.images[np.linspace(0, len(dataset) - 1, min(_FACES, len(dataset))).astype(int)]
    report["packages"] = _time_rounds(contestants, peers, faces, options, python, journal)
    _start_cold(contestants, faces[0].tobytes(), options, journal)
    report["rows"] = [_row(c, options, journal) for c in contestants]
    report |= {"comparison": compare(report["rows"]), "complete": True, "finished": now()}
    write_json(options.output / "peers.json", report)
    journal.finish()
    return report


def _of_ours(artifact: Artifact, options: Options) -> Contestant:
    path = local_path(artifact, options.artifacts)
    names = ("sha256", "bytes", "params", "macs", "license", "precision")
    facts = {name: getattr(artifact, name) for name in names}
    facts |= {"family": "ours", "model": artifact.model, "origin": "fer_zoo", "seen": "no", "training": "train images"}
    facts |= {"runtime": "litert" if artifact.format == "tflite" else "onnxruntime", "size": 48, "channels": 1}
    return Contestant(
        artifact.name,
        facts,
        lambda threads: load_classifier(path, threads=threads),
        lambda images: images.astype(np.float32)[..., None],
        lambda face: cold_start(path, min(options.threads), face),
    )


def _of_peer(peer: Peer, folder: Path, threads: int) -> list[Contestant]:
    """A TensorFlow Lite file runs as it is, every peer as float32 ONNX; but not the same weights twice."""
    onnx = import_onnx()
    twin = converted(peer, folder)
    model = onnx.load(twin)
    shared = {name: getattr(peer, name) for name in ("origin", "license", "training", "seen", "size", "channels")}
    shared |= {"family": "peer", "model": peer.name, "bytes": sum(f.stat().st_size for f in files_of(peer, folder))}
    shared |= {"params": count_params(model), "macs": count_macs(model)}
    runs = [("onnxruntime", "fp32", twin)]
    if peer.kind == "tflite":
        runs.append(("litert", "as published", folder / peer.path))
    return [
        _in_runtime(peer, path, threads, shared | {"runtime": runtime, "precision": kind})
        for runtime, kind, path in runs
    ]


def _in_runtime(peer: Peer, path: Path, threads: int, facts: dict[str, Any]) -> Contestant:
    def start(face: bytes) -> dict[str, Any]:
        return json.loads(run_child("peers.cold_start", peer.name, path, threads, time.monotonic_ns(), content=face))

    name = f"{peer.name} {'tflite' if path.suffix == '.tflite' else 'onnx'}"
    load = partial(PeerClassifier, peer, path)
    return Contestant(name, facts | {"sha256": sha256(path)}, load, partial(prepare, peer), start)


def _evaluate(
    contestants: list[Contestant], dataset: Dataset, journal: Journal, left_out: list[str]
) -> list[Contestant]:
    """Measure the accuracy of each; gives those that can be run."""
    copies = train_copies(dataset)
    done = {name for part in journal.parts("evaluation") for name in part}
    with progress() as bar:
        task = bar.add_task("accuracy", total=len(contestants) - len(done))
        for contestant in contestants:
            if contestant.name in done:
                continue
            bar.update(task, description=f"accuracy {contestant.name}")
            try:
                measures = accuracy_row(contestant.load(cores()).predict_proba(dataset.images), dataset, copies)
            except Exception as error:  # Each runtime has exceptions of its own; the others are measured all the same.
                left_out.append(f"{contestant.name} is left out: {error}")
                continue
            journal.add("evaluation", {contestant.name: measures})
            bar.advance(task)
    measured = {name for part in journal.parts("evaluation") for name in part}
    return [contestant for contestant in contestants if contestant.name in measured]


def _time_rounds(
    contestants: list[Contestant],
    peers: list[Peer],
    faces: np.ndarray,
    options: Options,
    python: str,
    journal: Journal,
) -> list[dict[str, Any]]:
    """Time every contestant and package in rounds; gives the packages, of which nothing else is known."""
    share = {
        "queries": -(-options.queries // options.rounds),
        "seconds": options.seconds / options.rounds,
        "settle_seconds": options.settle_seconds,
    }
    blocks: dict[str, TimeBlock] = {}
    packages: list[dict[str, Any]] = []
    with ExitStack() as stack, progress() as bar:
        done = len(journal.parts("round"))
        task = bar.add_task("rounds", total=options.rounds - done)
        file = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "faces.npy"
        np.save(file, faces)
        for peer in (peer for peer in peers if peer.package):
            package: dict[str, Any] = {"package": peer.package, "model": peer.name}
            packages.append(package)
            try:
                process = PackageProcess(str(peer.package), python, file)
            except (FerZooError, OSError) as error:
                package["skipped"] = str(error)
                continue
            stack.callback(process.close)
            package |= process.facts
            blocks[f"package {peer.package}"] = partial(process.time_block, faces)
        for contestant in contestants if done < options.rounds else ():
            inputs = contestant.inputs(faces)
            for batch in options.batches:
                for threads in options.threads:
                    batches = np.resize(inputs, (max(len(inputs) // batch, 1), batch, *inputs.shape[1:]))
                    run = contestant.load(threads).run
                    blocks[_key(contestant, batch, threads)] = partial(time_block, run, batches)
        for block in blocks.values():
            block(queries=1, seconds=0.0, settle_seconds=options.warmup_seconds)
        for number in range(done, options.rounds):
            journal.add("round", {key: blocks[key](**share) for key in order(list(blocks), number)})
            bar.advance(task)
    for package in packages:
        rounds = [part[key] for part in journal.parts("round") if (key := f"package {package['package']}") in part]
        package |= {"latency": summarize(rounds, 1)} if rounds and "skipped" not in package else {}
    return packages


def _start_cold(contestants: list[Contestant], face: bytes, options: Options, journal: Journal) -> None:
    for number in range(len(journal.parts("cold_start")), options.cold_starts):
        journal.add("cold_start", {c.name: c.start(face) for c in order(contestants, number)})


def _key(contestant: Contestant, batch: int, threads: int) -> str:
    return f"{contestant.name} batch {batch} threads {threads}"


def _row(contestant: Contestant, options: Options, journal: Journal) -> dict[str, Any]:
    name = contestant.name
    evaluation = next(part[name] for part in journal.parts("evaluation") if name in part)
    latency = [
        {"batch": batch, "threads": threads}
        | summarize([part[_key(contestant, batch, threads)] for part in journal.parts("round")], batch)
        for batch in options.batches
        for threads in options.threads
    ]
    starts = [part[name] for part in journal.parts("cold_start")]
    medians = {key: statistics.median(start[key] for start in starts) for key in starts[0] if starts[0][key]}
    row = {"name": name} | contestant.facts | {"evaluation": evaluation, "latency": latency}
    return row | {"cold_start": {"n": len(starts)} | medians}
