"""Time per query, cold start and memory of every artifact, all in one run."""

from __future__ import annotations

import json
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from fer_zoo.console import progress
from fer_zoo.errors import FerZooError
from fer_zoo.files import write_json
from fer_zoo.inference import load_classifier
from fer_zoo.zoo import Artifact

from ..journal import Journal
from ..machine import describe, now, peak_gmacs, run_child
from ..options import Options, facts, file_problem, manifest_of, select, test_images
from ..report.stored import SCHEMA, identity_of
from .execution import DEFAULT, settings_for
from .keras_process import OtherProcess
from .percentiles import summarize
from .timing import time_block

RUNTIMES = {"onnx": "onnxruntime", "tflite": "litert", "keras": "keras"}

_SETTINGS = (
    "batches",
    "threads",
    "queries",
    "seconds",
    "rounds",
    "warmup_seconds",
    "settle_seconds",
    "cold_starts",
    "execution",
    "price",
)

# Different faces, so that nothing adapts to a single one; few enough to stay in the processor's cache.
_FACES = 256

Item = TypeVar("Item")
TimeBlock = Callable[..., list[int]]


@dataclass(frozen=True)
class Candidate:
    """One artifact (its path in the manifest) in one setting; `execution` is a key of `settings_for` or the default."""

    path: str
    batch: int
    threads: int
    execution: str = DEFAULT

    def __str__(self) -> str:
        setting = f"{self.path} batch {self.batch} threads {self.threads}"
        return setting if self.execution == DEFAULT else f"{setting} {self.execution}"


def order(items: Sequence[Item], number: int) -> list[Item]:
    """The order of round `number`: every item once, between other neighbours in each round."""
    return random.Random(number).sample(items, len(items))


def run_latency(options: Options) -> dict[str, Any]:
    """Time the selected artifacts and write `latency.json` after each round.

    All candidates take turns in blocks of queries, so that a drift of the machine hits them alike. An interrupted run
    goes on after its last finished round.

    Returns:
        The content of `latency.json`: `rows` (one per candidate), `cold_starts` (one per artifact), `errors`, a
        sentence for the path of each artifact that could not be measured, and `refused`, one for each other way of
        running a file that its runtime refuses.

    Raises:
        FerZooError: There are no artifacts or no test images.
    """
    chosen = [a for a in select(manifest_of(options), options.models) if options.keras or a.format != "keras"]
    errors = {a.path: problem for a in chosen if (problem := file_problem(a, options.artifacts))}
    artifacts = {a.path: a for a in chosen if a.path not in errors}
    images = test_images(options).images
    faces = images[np.linspace(0, len(images) - 1, min(_FACES, len(images))).astype(int)]
    machine = describe()
    settings = {name: value for name, value in asdict(options).items() if name in _SETTINGS}
    files = {a.path: a.sha256 for a in artifacts.values()}
    identity = {"settings": settings, "machine": identity_of(machine), "files": files}
    journal = Journal(options.output / "latency.partial.jsonl", identity, options.fresh)
    report: dict[str, Any] = {"schema": SCHEMA, "kind": "latency", "complete": False, "started": now()}
    report |= {"machine": machine, "settings": settings, "artifacts": [facts(a) for a in chosen]}
    report |= {"peak_gmacs": {str(threads): peak_gmacs(threads) for threads in options.threads}, "errors": errors}
    report["refused"] = []

    def write() -> None:
        rounds, starts = journal.parts("round"), journal.parts("cold_start")
        report["rows"] = [
            _row(artifacts[c.path], c, rounds, report["peak_gmacs"][str(c.threads)])
            for c in _candidates(artifacts, options)
            if rounds and all(str(c) in samples for samples in rounds)
        ]
        report["cold_starts"] = [
            {"path": a.path, "runtime": RUNTIMES[a.format], "threads": min(options.threads)}
            | _medians([times[a.path] for times in starts])
            for a in artifacts.values()
            if starts and all(a.path in times for times in starts)
        ]
        write_json(options.output / "latency.json", report)

    _time_rounds(artifacts, options, faces, report, journal, write)
    _start_cold(artifacts, options, faces[0].tobytes(), errors, journal, write)
    # A roof is the best that was ever seen; other work on the machine only lowers it.
    report["peak_gmacs"] = {name: max(peak, peak_gmacs(int(name))) for name, peak in report["peak_gmacs"].items()}
    report |= {"complete": True, "finished": now()}
    write()
    journal.finish()
    return report


def _candidates(artifacts: dict[str, Artifact], options: Options) -> list[Candidate]:
    usual = [Candidate(path, b, t) for path in artifacts for b in options.batches for t in options.threads]
    if not options.execution:
        return usual
    least = min(options.batches), min(options.threads)
    return usual + [Candidate(a.path, *least, name) for a in artifacts.values() for name in settings_for(a.format)]


def _time_rounds(
    artifacts: dict[str, Artifact],
    options: Options,
    faces: np.ndarray,
    report: dict[str, Any],
    journal: Journal,
    write: Callable[[], None],
) -> None:
    done = len(journal.parts("round"))
    if done == options.rounds:
        return
    batches = {size: _batches(faces, size) for size in options.batches}
    share = {
        "queries": -(-options.queries // options.rounds),
        "seconds": options.seconds / options.rounds,
        "settle_seconds": options.settle_seconds,
    }

    def drop(candidate: Candidate, error: Exception) -> None:
        blocks.pop(candidate, None)
        if candidate.execution == DEFAULT:
            report["errors"][candidate.path] = _sentence(candidate, error)
        else:
            report["refused"].append(_sentence(candidate, error))

    with ExitStack() as stack, progress() as bar:
        spare = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        everything = _candidates(artifacts, options)
        task = bar.add_task("loading", total=(options.rounds - done) * len(everything))
        blocks: dict[Candidate, TimeBlock] = {}
        others: dict[tuple[str, int], OtherProcess] = {}
        for candidate in everything:
            bar.update(task, description=f"loading {candidate}")
            try:
                blocks[candidate] = _loaded(artifacts[candidate.path], options, candidate, others, spare, stack)
                warm_up = {"queries": 1, "seconds": 0.0, "settle_seconds": options.warmup_seconds}
                blocks[candidate](batches[candidate.batch], **warm_up)
            except Exception as error:  # Each runtime has exceptions of its own; the others are measured all the same.
                drop(candidate, error)
        for number in range(done, options.rounds):
            samples: dict[str, list[int]] = {}
            for candidate in order(list(blocks), number):
                bar.update(task, description=f"round {number + 1} of {options.rounds}")
                try:
                    samples[str(candidate)] = blocks[candidate](batches[candidate.batch], **share)
                except Exception as error:
                    drop(candidate, error)
                bar.advance(task)
            journal.add("round", samples)
            write()


def _start_cold(
    artifacts: dict[str, Artifact],
    options: Options,
    face: bytes,
    errors: dict[str, str],
    journal: Journal,
    write: Callable[[], None],
) -> None:
    done = len(journal.parts("cold_start"))
    with progress() as bar:
        task = bar.add_task("cold starts", total=(options.cold_starts - done) * len(artifacts))
        for number in range(done, options.cold_starts):
            times: dict[str, dict[str, Any]] = {}
            for path in order([path for path in artifacts if path not in errors], number):
                try:
                    times[path] = cold_start(options.artifacts / path, min(options.threads), face)
                except FerZooError as error:
                    errors[path] = f"cold start of {path} failed: {error}"
                bar.advance(task)
            journal.add("cold_start", times)
            write()


def cold_start(model: Path, threads: int, face: bytes) -> dict[str, Any]:
    """Start a process that loads `model` and classifies `face`.

    Args:
        model: A `.onnx`, `.tflite` or `.keras` file.
        threads: Threads of the runtime.
        face: One gray image of 48 by 48 pixels, 2,304 bytes.

    Returns:
        `cold_start_ms` from before the process exists to its first answer; its parts `python_ms`, `import_ms`,
        `load_ms` and `answer_ms`; and `peak_memory_bytes` of that process, `None` where the system does not tell.

    Raises:
        FerZooError: The process failed.
    """
    return json.loads(run_child("latency.cold_start", model, threads, time.monotonic_ns(), content=face))


def _loaded(
    artifact: Artifact,
    options: Options,
    candidate: Candidate,
    others: dict[tuple[str, int], OtherProcess],
    spare: Path,
    stack: ExitStack,
) -> TimeBlock:
    path = options.artifacts / candidate.path
    if candidate.execution != DEFAULT:
        load = settings_for(artifact.format)[candidate.execution]
        return partial(time_block, load(path, candidate.threads, spare).run)
    if path.suffix == ".keras":
        key = candidate.path, candidate.threads
        if key not in others:
            others[key] = OtherProcess(path, candidate.threads)
            stack.callback(others[key].close)
        return others[key].time_block
    # A classifier of its own for each setting, since LiteRT plans its memory anew whenever the batch changes.
    return partial(time_block, load_classifier(path, threads=candidate.threads).run)


def _batches(faces: np.ndarray, size: int) -> np.ndarray:
    """float32 `[k, size, 48, 48, 1]` of uint8 `[n, 48, 48]`, with k at least 1."""
    count = max(len(faces) // size, 1)
    chosen = np.resize(faces, (count * size, *faces.shape[1:]))
    return chosen.astype(np.float32).reshape(count, size, *faces.shape[1:], 1)


def _row(
    artifact: Artifact,
    candidate: Candidate,
    rounds: list[dict[str, list[int]]],
    peak: float,
) -> dict[str, Any]:
    times = summarize([samples[str(candidate)] for samples in rounds], candidate.batch)
    gmacs = artifact.macs * candidate.batch / times["p50_ms"] / 1e6
    return {
        "path": artifact.path,
        "runtime": RUNTIMES[artifact.format],
        "batch": candidate.batch,
        "threads": candidate.threads,
        "execution": candidate.execution,
        **times,
        "gmacs_per_second": gmacs,
        "share_of_peak": gmacs / peak,
        "roofline_ms": artifact.macs * candidate.batch / peak / 1e6,
        "times_roofline": peak / gmacs,
    }


def _medians(repeats: list[dict[str, Any]]) -> dict[str, Any]:
    """The median of each measure over the repeats, and how many there were."""
    known = {name: [times[name] for times in repeats if times[name] is not None] for name in repeats[0]}
    medians = {name: statistics.median(values) if values else None for name, values in known.items()}
    return {"n": len(repeats)} | medians | {"cold_start_ms_range": [f(known["cold_start_ms"]) for f in (min, max)]}


def _sentence(candidate: Candidate, error: Exception) -> str:
    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    return f"{candidate} failed: {reason}"
