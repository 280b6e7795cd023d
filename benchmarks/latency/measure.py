"""Time per query, cold start and memory of every file, all in one run."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from fer_zoo.console import progress
from fer_zoo.errors import FerZooError
from fer_zoo.inference import load_classifier
from fer_zoo.zoo import Artifact, local_path

from ..journal import Journal
from ..machine import describe, now, peak_gmacs, run_child
from ..options import Options, Timing, file_problem, manifest_of, select, test_images
from ..rows import ModelFile
from ..table import write_record
from .keras_process import KerasProcess
from .percentiles import medians, summarize
from .rows import LatencyReport, LatencyRow, Start
from .timing import time_block

RUNTIMES = {"onnx": "onnxruntime", "tflite": "litert", "keras": "keras"}

# Different faces, so that nothing adapts to a single one; few enough to stay in the processor's cache.
_FACES = 256

Item = TypeVar("Item")
TimeBlock = Callable[..., list[int]]


@dataclass(frozen=True)
class Candidate:
    """One artifact (its path in the manifest) in one setting."""

    path: str
    batch: int
    threads: int

    def __str__(self) -> str:
        return f"{self.path} batch {self.batch} threads {self.threads}"


def order(items: Sequence[Item], number: int) -> list[Item]:
    """The order of round `number`: every item once, between other neighbours in each round."""
    return random.Random(number).sample(items, len(items))


def run_latency(options: Options) -> LatencyReport:
    """Time the selected files and write `latency.json` after each round.

    All candidates take turns in blocks of queries, so that a drift of the machine hits them alike. An interrupted run
    goes on after its last finished round.

    Raises:
        FerZooError: There are no artifacts or no test images.
    """
    timing = options.timing
    chosen = [a for a in select(manifest_of(options), options.models) if options.keras or a.format != "keras"]
    errors = {a.path: problem for a in chosen if (problem := file_problem(a, options.artifacts))}
    artifacts = {a.path: a for a in chosen if a.path not in errors}
    images = test_images(options).images
    faces = images[np.linspace(0, len(images) - 1, min(_FACES, len(images))).astype(int)]
    machine = describe()
    identity = {"settings": asdict(timing), "machine": asdict(machine.platform)}
    identity["files"] = {a.path: a.sha256 for a in artifacts.values()}
    journal = Journal(options.output / "latency.partial.jsonl", identity, options.fresh)
    report = LatencyReport(
        started=now(),
        machine=machine,
        settings=timing,
        files=tuple(map(ModelFile.of, chosen)),
        peak_gmacs={str(threads): peak_gmacs(threads) for threads in timing.threads},
        price=options.price,
        errors=errors,
    )

    def write(report: LatencyReport) -> LatencyReport:
        rounds, starts = journal.parts("round"), journal.parts("cold_start")
        rows = (
            _row(artifacts[c.path], c, rounds, report.peak_gmacs[str(c.threads)])
            for c in _candidates(artifacts, options)
            if rounds and all(str(c) in samples for samples in rounds)
        )
        cold_starts = (
            medians(
                [Start(**times[a.path]) for times in starts],
                path=a.path,
                runtime=RUNTIMES[a.format],
                threads=min(timing.threads),
            )
            for a in artifacts.values()
            if starts and all(a.path in times for times in starts)
        )
        report = replace(report, rows=tuple(rows), cold_starts=tuple(cold_starts))
        write_record(options.output / "latency.json", report)
        return report

    _time_rounds(artifacts, options, faces, errors, journal, lambda: write(report))
    _start_cold(artifacts, options, faces[0].tobytes(), errors, journal, lambda: write(report))
    # A roof is the best that was ever seen; other work on the machine only lowers it.
    peaks = {name: max(peak, peak_gmacs(int(name))) for name, peak in report.peak_gmacs.items()}
    report = write(replace(report, peak_gmacs=peaks, finished=now()))
    journal.finish()
    return report


def _candidates(artifacts: dict[str, Artifact], options: Options) -> list[Candidate]:
    timing = options.timing
    return [Candidate(path, b, t) for path in artifacts for b in timing.batches for t in timing.threads]


def _time_rounds(
    artifacts: dict[str, Artifact],
    options: Options,
    faces: np.ndarray,
    errors: dict[str, str],
    journal: Journal,
    write: Callable[[], object],
) -> None:
    """Add the samples of each round to the journal; what fails goes to `errors`."""
    timing = options.timing
    done = len(journal.parts("round"))
    if done == timing.rounds:
        return
    batches = {size: batches_of(faces, size) for size in timing.batches}

    def drop(candidate: Candidate, error: Exception) -> None:
        blocks.pop(candidate, None)
        errors[candidate.path] = _sentence(candidate, error)

    with ExitStack() as stack, progress() as bar:
        everything = _candidates(artifacts, options)
        task = bar.add_task("loading", total=(timing.rounds - done) * len(everything))
        blocks: dict[Candidate, TimeBlock] = {}
        processes: dict[tuple[str, int], KerasProcess] = {}
        for candidate in everything:
            bar.update(task, description=f"loading {candidate}")
            try:
                blocks[candidate] = _loaded(artifacts[candidate.path], options, candidate, processes, stack)
                warm_up = {"queries": 1, "seconds": 0.0, "settle_seconds": timing.warmup_seconds}
                blocks[candidate](batches[candidate.batch], **warm_up)
            except Exception as error:  # Each runtime has exceptions of its own; the others are measured all the same.
                drop(candidate, error)
        for number in range(done, timing.rounds):
            samples: dict[str, list[int]] = {}
            for candidate in order(list(blocks), number):
                bar.update(task, description=f"round {number + 1} of {timing.rounds}")
                try:
                    samples[str(candidate)] = blocks[candidate](batches[candidate.batch], **block_limits(timing))
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
    write: Callable[[], object],
) -> None:
    done = len(journal.parts("cold_start"))
    with progress() as bar:
        task = bar.add_task("cold starts", total=(options.timing.cold_starts - done) * len(artifacts))
        for number in range(done, options.timing.cold_starts):
            times: dict[str, dict[str, Any]] = {}
            for path in order([path for path in artifacts if path not in errors], number):
                try:
                    model = local_path(artifacts[path], options.artifacts)
                    times[path] = asdict(cold_start(model, min(options.timing.threads), face))
                except FerZooError as error:
                    errors[path] = f"cold start of {path} failed: {error}"
                bar.advance(task)
            journal.add("cold_start", times)
            write()


def cold_start(model: Path, threads: int, face: bytes, peer: str = "") -> Start:
    """Start a process that loads `model` and classifies `face`.

    Args:
        model: A `.onnx`, `.tflite` or `.keras` file.
        threads: Threads of the runtime.
        face: One gray image of 48 by 48 pixels, 2,304 bytes.
        peer: Name of the published model whose file it is.

    Raises:
        FerZooError: The process failed.
    """
    arguments = (model, threads, time.monotonic_ns(), *([peer] if peer else []))
    return Start(**json.loads(run_child("latency.cold_start", *arguments, content=face)))


def _loaded(
    artifact: Artifact,
    options: Options,
    candidate: Candidate,
    processes: dict[tuple[str, int], KerasProcess],
    stack: ExitStack,
) -> TimeBlock:
    path = local_path(artifact, options.artifacts)
    if path.suffix == ".keras":
        key = candidate.path, candidate.threads
        if key not in processes:
            processes[key] = KerasProcess(path, candidate.threads)
            stack.callback(processes[key].close)
        return processes[key].time_block
    # A classifier of its own for each setting, since LiteRT plans its memory anew whenever the batch changes.
    return partial(time_block, load_classifier(path, threads=candidate.threads).run)


def batches_of(faces: np.ndarray, size: int) -> np.ndarray:
    """float32 `[k, size, 48, 48, 1]` of uint8 `[n, 48, 48]`, with k at least 1."""
    count = max(len(faces) // size, 1)
    chosen = np.resize(faces, (count * size, *faces.shape[1:]))
    return chosen.astype(np.float32).reshape(count, size, *faces.shape[1:], 1)


def block_limits(timing: Timing) -> dict[str, Any]:
    """How long one block is, as `time_block` takes it."""
    return {
        "queries": -(-timing.queries // timing.rounds),
        "seconds": timing.seconds / timing.rounds,
        "settle_seconds": timing.settle_seconds,
    }


def _row(
    artifact: Artifact,
    candidate: Candidate,
    rounds: list[dict[str, list[int]]],
    peak: float,
) -> LatencyRow:
    times = summarize([samples[str(candidate)] for samples in rounds], candidate.batch)
    gmacs = artifact.macs * candidate.batch / times.p50_ms / 1e6
    return LatencyRow(
        **vars(times),
        path=artifact.path,
        runtime=RUNTIMES[artifact.format],
        batch=candidate.batch,
        threads=candidate.threads,
        gmacs_per_second=gmacs,
        share_of_peak=gmacs / peak,
        roofline_ms=artifact.macs * candidate.batch / peak / 1e6,
        times_roofline=peak / gmacs,
    )


def _sentence(candidate: Candidate, error: Exception) -> str:
    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    return f"{candidate} failed: {reason}"
