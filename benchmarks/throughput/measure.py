"""Measures processor time and memory of whole processes that read photos."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from fer_zoo.console import track
from fer_zoo.errors import FerZooError, UsageError

from ..machine import describe, now
from .make_photos import KINDS, make_photo
from .rows import PhotoKind, ThroughputReport, ThroughputRow

_DECODER = Path(__file__).with_name("decode_call.py")
_FER = Path(__file__).with_name("fer_call.py")
_DETECTOR_SIZE = 640


@dataclass(frozen=True)
class Program:
    """A program that reads photos.

    Attributes:
        name: Name in the table.
        command: Command line, to which the names of photos are appended.
        folder: Working directory.
    """

    name: str
    command: tuple[str, ...]
    folder: Path


@dataclass(frozen=True)
class Usage:
    """Resource usage of a process.

    Attributes:
        cpu: Processor time in seconds, user and system.
        wall: Wall time in seconds.
        peak_bytes: Highest resident memory.
    """

    cpu: float
    wall: float
    peak_bytes: int


def measure_throughput(
    checkouts: Sequence[Path],
    model: Path,
    photo: Path,
    *,
    fer_python: str | None = None,
    kinds: Sequence[PhotoKind] = KINDS,
    cores: Sequence[int] = (1, 2),
    seconds: float = 3,
    rounds: int = 3,
) -> ThroughputReport:
    """Time `fer-zoo predict` of each checkout, the bare decoder and the package `fer` on photos of one face.

    Each program is run with one photo and with many; the difference is the time of the photos, without the start.

    Args:
        checkouts: Checkouts of fer_zoo; speed-ups are relative to the first.
        model: The model file for all of them.
        photo: A photo of one face.
        fer_python: An interpreter with the package `fer`.
        kinds: The kinds of photos, which are made from `photo`.
        cores: Numbers of cores; the decoder and `fer` always use one.
        seconds: Approximate processor time of a run with many photos.
        rounds: Number of rounds, in which all programs take turns; the fastest run counts.

    Raises:
        UsageError: The system cannot restrict the cores of a process, or has too few.
        FerZooError: A checkout fails.
    """
    if not hasattr(os, "sched_setaffinity"):
        raise UsageError("throughput is measured on Linux, where a process can be told its cores")
    if max(cores) > len(os.sched_getaffinity(0)):
        raise UsageError(f"this process may use {len(os.sched_getaffinity(0))} cores, not {max(cores)}")
    machine = describe()
    decoders = [
        Program("Pillow, in full", (sys.executable, str(_DECODER), "0"), Path.cwd()),
        Program(
            "Pillow, as small as detection bears", (sys.executable, str(_DECODER), str(_DETECTOR_SIZE)), Path.cwd()
        ),
    ]
    peers = [Program("fer", (fer_python, str(_FER)), Path.cwd())] if fer_python else []
    missing = {} if fer_python else {"fer": "no interpreter with the package was given (--fer-python)"}
    rows: list[ThroughputRow] = []
    with TemporaryDirectory() as folder:
        # The copy has no manifest beside it, which other versions might not be able to read.
        copy = Path(shutil.copy(model, folder))
        programs = [_checkout(checkout.absolute(), copy) for checkout in checkouts]
        for kind in track(kinds, "photos", len(kinds)):
            path = make_photo(photo, kind, Path(folder))
            runs = [(program, count) for program in programs for count in cores]
            runs += [(program, 1) for program in decoders]
            measured = [_row(program, kind, path, count, seconds) for program, count in runs]
            for program in peers:
                try:
                    measured.append(_row(program, kind, path, 1, seconds))
                    runs.append((program, 1))
                except FerZooError as error:
                    missing[f"{program.name}, {kind.name}"] = str(error)
            for _ in range(rounds - 1):
                again = [
                    _row(program, kind, path, count, seconds, row.photos)
                    for (program, count), row in zip(runs, measured, strict=True)
                ]
                measured = [_best(row, other) for row, other in zip(measured, again, strict=True)]
            rows += [replace(row, speedup=measured[0].cpu_ms / row.cpu_ms) for row in measured]
    return ThroughputReport(now(), machine, f"{model.parent.name}/{model.name}", rounds, tuple(rows), missing)


def _checkout(folder: Path, model: Path) -> Program:
    if not (folder / "fer_zoo" / "predict.py").is_file():
        raise UsageError(f"{folder} is no checkout of fer_zoo; pass folders that have fer_zoo/predict.py")
    command = (sys.executable, "-m", "fer_zoo.predict", "--model", str(model), "--format", "csv")
    return Program(folder.name, command, folder)


def _best(one: ThroughputRow, other: ThroughputRow) -> ThroughputRow:
    fields = ("cpu_ms", "wall_ms", "start_cpu_seconds", "peak_bytes")
    return replace(one, **{name: min(getattr(one, name), getattr(other, name)) for name in fields})


def _row(
    program: Program, kind: PhotoKind, path: Path, cores: int, seconds: float, photos: int | None = None
) -> ThroughputRow:
    """Run the program with one photo and with many: `count`, or as many as take about `seconds`."""
    first = _run(program, [path], cores)
    if photos is None:
        few = _run(program, [path] * 5, cores)
        photos = max(4, int(4 * seconds / max(few.cpu - first.cpu, 0.01)))
    many = _run(program, [path] * (photos + 1), cores)
    return ThroughputRow(
        program=program.name,
        photo=kind.name,
        file_bytes=path.stat().st_size,
        cores=cores,
        photos=photos,
        cpu_ms=1000 * max(many.cpu - first.cpu, 1e-6) / photos,
        wall_ms=1000 * max(many.wall - first.wall, 1e-6) / photos,
        start_cpu_seconds=first.cpu,
        peak_bytes=first.peak_bytes,
    )


def _run(program: Program, photos: Sequence[Path], cores: int) -> Usage:
    allowed = sorted(os.sched_getaffinity(0))[:cores]
    start = time.perf_counter()
    process = subprocess.Popen(
        [*program.command, *map(str, photos)],
        cwd=program.folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        preexec_fn=partial(os.sched_setaffinity, 0, allowed),
    )
    assert process.stderr
    errors = process.stderr.read().decode(errors="replace").strip().splitlines()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - start
    if process.returncode:
        raise FerZooError(f"{program.name} failed: {errors[-1] if errors else f'exit code {process.returncode}'}")
    return Usage(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss * 1024)
