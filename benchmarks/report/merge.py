"""Joins the results of the parity and latency runs for each file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from fer_zoo.errors import FerZooError

from .. import BENCHMARK
from ..latency.rows import LatencyReport, LatencyRow
from ..parity.rows import ParityReport
from ..rows import ModelFile
from ..table import read_record
from .rows import ArtifactRow, Cost, Report

_BASE = "baseline_cnn onnx fp32"


def read_report(folder: Path) -> Report:
    """The report from `parity.json` and `latency.json` in a folder; one of the files may be missing.

    Raises:
        FerZooError: Both files are missing, or one is damaged.
    """
    parity = read_record(folder / "parity.json", ParityReport)
    latency = read_record(folder / "latency.json", LatencyReport)
    if parity is None and latency is None:
        raise FerZooError(f"{folder} has neither parity.json nor latency.json; run `{BENCHMARK}` first")
    return merge(parity, latency)


def merge(parity: ParityReport | None, latency: LatencyReport | None) -> Report:
    """Join two runs. Times of an earlier file of the same network are used for the present file, too."""
    artifacts: dict[str, ArtifactRow] = {}
    for row in parity.rows if parity else ():
        problems = (*row.missed, *([row.error] if row.error else []))
        artifacts[row.file.path] = ArtifactRow(row.file, row.status, problems, row)
    for file in latency.files if latency else ():
        artifact = artifacts.get(file.path) or ArtifactRow(file, "measured")
        assert latency
        artifacts[file.path] = _with_times(artifact, file, latency)
    base = _base(artifacts.values())
    p50 = {row.setting: row.p50_ms for row in base.latency} if base else {}
    rows = tuple(_with_relative_times(artifact, p50) for artifact in artifacts.values())
    return Report(rows, base, parity, latency)


def _with_times(artifact: ArtifactRow, timed: ModelFile, latency: LatencyReport) -> ArtifactRow:
    path = timed.path
    if not artifact.file.same_network(timed):
        return _failed(artifact, f"{path} changed between parity and latency; measure both again")
    rows = tuple(row for row in latency.rows if row.path == path)
    artifact = replace(
        artifact,
        latency=rows,
        cold_start=next((start for start in latency.cold_starts if start.path == path), None),
        cost=_cost(rows, latency.price) if rows else None,
        timed_sha256=None if artifact.file.sha256 == timed.sha256 else timed.sha256,
    )
    return _failed(artifact, latency.errors[path]) if path in latency.errors else artifact


def _failed(artifact: ArtifactRow, error: str) -> ArtifactRow:
    problems = artifact.problems if error in artifact.problems else (*artifact.problems, error)
    return replace(artifact, status="error", problems=problems)


def _cost(rows: Iterable[LatencyRow], price: float) -> Cost:
    best = max(rows, key=lambda row: row.images_per_second / row.threads)
    speed = best.images_per_second / best.threads
    return Cost(best.batch, best.threads, speed, 1e6 / speed / 3600 * price)


def _base(artifacts: Iterable[ArtifactRow]) -> ArtifactRow | None:
    """The file that the others are compared with: the plainest one, else the first that was timed."""
    timed = [artifact for artifact in artifacts if artifact.latency]
    return next((artifact for artifact in timed if artifact.file.name == _BASE), timed[0] if timed else None)


def _with_relative_times(artifact: ArtifactRow, base: dict[tuple[int, int], float]) -> ArtifactRow:
    latency = (replace(row, relative_p50=row.p50_ms / base[row.setting]) for row in artifact.latency)
    return replace(artifact, latency=tuple(latency))
