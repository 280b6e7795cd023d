"""Measures time per query, cold start and memory of every file, all in one run."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from fer_zoo.inference import load_classifier
from fer_zoo.zoo import Artifact, local_path

from ..journal import Journal
from ..machine import describe, now, peak_gmacs, run_child
from ..options import Options, file_problem, manifest_of, select, test_images
from ..rows import ModelFile
from ..table import write_record
from .keras_process import KerasProcess
from .percentiles import medians, summarize
from .rounds import TimeBlock, in_all, start_cold, time_rounds
from .rows import LatencyReport, LatencyRow, Start
from .timing import time_block

RUNTIMES = {"onnx": "onnxruntime", "tflite": "litert", "keras": "keras"}

# Queries use different faces, so that nothing is optimized for a single one; few enough for the processor's cache.
_FACES = 256

# Longest time for each measurement of the peak.
_PEAK_SECONDS = 1.0


@dataclass(frozen=True)
class Candidate:
    """One artifact (its path in the manifest) in one setting."""

    path: str
    batch: int
    threads: int

    def __str__(self) -> str:
        return f"{self.path} batch {self.batch} threads {self.threads}"


def run_latency(options: Options) -> LatencyReport:
    """Time the selected files and write `latency.json` after each round.

    All candidates take turns in blocks of queries, so that changes in the machine's speed affect all of them equally.
    An interrupted run continues after its last finished round.

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
    seconds = min(timing.seconds, _PEAK_SECONDS)
    identity = {"settings": asdict(timing), "machine": asdict(machine.platform)}
    identity["files"] = {a.path: a.sha256 for a in artifacts.values()}
    journal = Journal(options.output / "latency.partial.jsonl", identity, options.fresh)
    report = LatencyReport(
        started=now(),
        machine=machine,
        settings=timing,
        files=tuple(map(ModelFile.of, chosen)),
        peak_gmacs={str(threads): peak_gmacs(threads, seconds) for threads in timing.threads},
        price=options.price,
        errors=errors,
    )

    def write(report: LatencyReport) -> LatencyReport:
        rounds, starts = journal.parts("round"), journal.parts("cold_start")
        rows = (
            _row(artifacts[c.path], c, rounds, report.peak_gmacs[str(c.threads)])
            for c in candidates
            if in_all(rounds, str(c))
        )
        cold_starts = (
            medians([Start(**times[path]) for times in starts], path=path, runtime=RUNTIMES[a.format], threads=threads)
            for path, a in artifacts.items()
            if in_all(starts, path)
        )
        report = replace(report, rows=tuple(rows), cold_starts=tuple(cold_starts), errors=dict(errors))
        write_record(options.output / "latency.json", report)
        return report

    def failed(name: str, error: Exception) -> None:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        errors[name.partition(" batch ")[0]] = f"{name} failed: {reason}"

    candidates = [Candidate(path, b, t) for path in artifacts for b in timing.batches for t in timing.threads]
    threads = min(timing.threads)
    batches = {size: batches_of(faces, size) for size in timing.batches}
    processes: dict[tuple[str, int], KerasProcess] = {}
    with ExitStack() as stack:
        loaders = {
            str(c): partial(_block, artifacts[c.path], options, c, batches[c.batch], processes, stack)
            for c in candidates
        }
        time_rounds(loaders, timing, journal, failed, lambda: write(report))
    face = faces[0].tobytes()
    starts = {
        path: partial(_start, local_path(artifact, options.artifacts), threads, face)
        for path, artifact in artifacts.items()
        if path not in errors
    }
    start_cold(starts, timing.cold_starts, journal, failed, lambda: write(report))
    # The peak is the highest ever measured, since other work on the machine can only lower it.
    peaks = {name: max(peak, peak_gmacs(int(name), seconds)) for name, peak in report.peak_gmacs.items()}
    report = write(replace(report, peak_gmacs=peaks, finished=now()))
    journal.finish()
    return report


def _start(model: Path, threads: int, face: bytes) -> Start:
    return cold_start(model, threads, face)


def cold_start(model: Path, threads: int, face: bytes, peer: str = "") -> Start:
    """Start a process that loads `model` and classifies `face`.

    Args:
        model: A `.onnx`, `.tflite` or `.keras` file.
        threads: Threads of the runtime.
        face: One gray image of 48 by 48 pixels, 2,304 bytes.
        peer: Name of the published model that the file is from; empty for ours.

    Raises:
        FerZooError: The process failed.
    """
    arguments = (model, threads, time.monotonic_ns(), *([peer] if peer else []))
    return Start(**json.loads(run_child("latency.cold_start", *arguments, content=face)))


def _block(
    artifact: Artifact,
    options: Options,
    candidate: Candidate,
    batches: np.ndarray,
    processes: dict[tuple[str, int], KerasProcess],
    stack: ExitStack,
) -> TimeBlock:
    path = local_path(artifact, options.artifacts)
    if path.suffix == ".keras":
        key = candidate.path, candidate.threads
        if key not in processes:
            processes[key] = KerasProcess(path, candidate.threads)
            stack.callback(processes[key].close)
        return partial(processes[key].time_block, batches)
    # A classifier of its own for each setting, since LiteRT plans its memory anew whenever the batch changes.
    return partial(time_block, load_classifier(path, threads=candidate.threads).run, batches)


def batches_of(faces: np.ndarray, size: int) -> np.ndarray:
    """Split faces, uint8 `[n, 48, 48]`, into at least one batch, float32 `[k, size, 48, 48, 1]`."""
    count = max(len(faces) // size, 1)
    chosen = np.resize(faces, (count * size, *faces.shape[1:]))
    return chosen.astype(np.float32).reshape(count, size, *faces.shape[1:], 1)


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
