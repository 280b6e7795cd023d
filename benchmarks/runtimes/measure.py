"""Runs every file in every runtime that supports its format, as many at a time as there are cores."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue

from fer_zoo.console import progress
from fer_zoo.cpu import cores
from fer_zoo.data import load_dataset
from fer_zoo.errors import FerZooError
from fer_zoo.files import temporary_folder
from fer_zoo.zoo import Artifact, load_manifest

from ..machine import describe, now
from ..options import Options, manifest_of, select
from ..rows import ImageSet, ModelFile
from ..table import read_record, write_record
from .comparison import Comparison, in_order
from .environment import environments
from .process import Limits
from .registry import RUNTIMES, Runtime
from .rows import RuntimeResult, RuntimesReport


def measure_runtimes(options: Options, runtimes: Sequence[Runtime], limits: Limits) -> RuntimesReport:
    """Run the selected files in `runtimes`, and write `runtimes.json` after each.

    Rows of an earlier run with the same files, images and packages on the same platform are reused, also for runtimes
    and files that are not selected; so an interrupted run continues.

    Args:
        options: The files and images, and the folder of the report.
        runtimes: The runtimes; each is installed when it is first used.
        limits: Limits for images and time.

    Raises:
        FerZooError: There are no artifacts or no test images.
    """
    selected = select(manifest_of(options), options.models)
    test = in_order(load_dataset(options.data).subset("test"), options.images)
    path = options.output / "runtimes.json"
    report = RuntimesReport(
        now(),
        describe(),
        ImageSet.of(test),
        min(limits.single_images or len(test), len(test)),
        {r.name: " ".join(r.installed) for r in RUNTIMES},
    )
    earlier = () if options.fresh else _earlier(path, report)
    registered = load_manifest(options.artifacts, absent=True)
    current = {(artifact.path, artifact.sha256) for artifact in registered}
    rows = {(row.file.path, row.runtime): row for row in earlier if (row.file.path, row.file.sha256) in current}
    places = [(artifact.path, runtime.name) for runtime in RUNTIMES for artifact in registered]
    place = {key: number for number, key in enumerate(places)}

    def completed() -> RuntimesReport:
        return replace(report, rows=tuple(rows[key] for key in sorted(rows, key=place.__getitem__)))

    pairs = [
        (artifact, runtime)
        for runtime in runtimes
        for artifact in selected
        if artifact.format in runtime.formats and (artifact.path, runtime.name) not in rows
    ]
    with temporary_folder(options.output) as folder:
        for row in _rows(pairs, Comparison(options, test, limits, folder)):
            rows[row.file.path, row.runtime] = row
            write_record(path, completed())
    return completed()


def _rows(pairs: Sequence[tuple[Artifact, Runtime]], comparison: Comparison) -> Iterator[RuntimeResult]:
    """The row of each pair as soon as it is measured; each core measures one pair at a time."""
    folders = environments(list({runtime.name: runtime for _, runtime in pairs}.values()))
    free = SimpleQueue[int | None]()
    for core in _cores():
        free.put(core)

    def measured(artifact: Artifact, runtime: Runtime) -> RuntimeResult:
        folder = folders[runtime.name]
        if isinstance(folder, FerZooError):
            return RuntimeResult(ModelFile.of(artifact), runtime.name, "not installed", str(folder))
        core = free.get()
        try:
            return comparison.row(artifact, runtime, folder, core)
        finally:
            free.put(core)

    with progress() as bar, ThreadPoolExecutor(cores()) as pool:
        task = bar.add_task("runtimes", total=len(pairs))
        try:
            for done in as_completed([pool.submit(measured, *pair) for pair in pairs]):
                row = done.result()
                bar.update(task, description=f"{row.runtime}: {row.file.name}")
                bar.advance(task)
                yield row
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _cores() -> Sequence[int | None]:
    """The cores that this process may use; on systems that do not tell which, as many times `None`."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return [None] * cores()


def _earlier(path: Path, report: RuntimesReport) -> tuple[RuntimeResult, ...]:
    """The rows of an earlier report that would be the same now."""
    earlier = read_record(path, RuntimesReport)
    if earlier is None or earlier.machine.platform != report.machine.platform:
        return ()
    if (earlier.data, earlier.single_images) != (report.data, report.single_images):
        return ()
    same = {name for name, packages in earlier.runtimes.items() if report.runtimes.get(name) == packages}
    return tuple(row for row in earlier.rows if row.runtime in same and row.status != "not installed")
