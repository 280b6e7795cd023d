"""Compares two reports and finds regressions that are larger than noise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..accuracy.rows import Accuracy
from ..cells import milliseconds, percent, setting, size
from ..latency.rows import ColdStart, LatencyRow
from .rows import ArtifactRow, Report

SAME, CHANGED, BETTER, WORSE = "same", "changed", "better", "REGRESSION"

# Smaller changes are no regressions, even if they are statistically significant.
_TIME, _BYTES, _MEMORY = 1.05, 1.01, 1.10
# By chance, all cold starts of one run are slower than all of the other in one of three cases for two cold starts each,
# and in one of 126 for five each.
_COLD_STARTS = 5


@dataclass(frozen=True)
class Change:
    """One measure of one artifact in both reports.

    Attributes:
        artifact: Name of the artifact.
        measure: Name of the measure.
        before: Value in the earlier report as text.
        after: Value in the later report as text.
        verdict: `same` (within noise), `changed`, `better` or `REGRESSION`.
    """

    artifact: str
    measure: str
    before: str
    after: str
    verdict: str


def compare_reports(before: Report, after: Report) -> list[Change]:
    """Every measure that both reports have, and files that are new, missing, or have another content now."""
    old, new = ({row.file.path: row for row in report.artifacts} for report in (before, after))
    same_images = _images(before) == _images(after)
    same = same_machine(before, after)
    changes = [Change(row.file.name, "artifact", "-", "new", CHANGED) for path, row in new.items() if path not in old]
    for path, was in old.items():
        name, now = was.file.name, new.get(path)
        if now is None:
            changes.append(Change(name, "artifact", "there", "gone", WORSE))
            continue
        if was.file.sha256 != now.file.sha256:
            changes.append(Change(name, "file", was.file.sha256[:8], now.file.sha256[:8], CHANGED))
        changes += _status(was, now)
        if same_images and was.evaluation and now.evaluation:
            changes += _accuracy(name, was.evaluation, now.evaluation)
            changes += _agreement(was, now)
        changes += _times(was, now, same)
        changes.append(_ratio(name, "file size", was.file.bytes, now.file.bytes, _BYTES, size))
        if same and was.cold_start and now.cold_start:
            changes += _cold_start(name, was.cold_start, now.cold_start)
    return changes


def same_machine(before: Report, after: Report) -> bool:
    """Whether the times of both reports were measured on the same processor with the same number of cores."""
    machines = [report.latency.machine if report.latency else None for report in (before, after)]
    return len({machine and (machine.cpu, machine.cores) for machine in machines}) == 1


def _status(was: ArtifactRow, now: ArtifactRow) -> list[Change]:
    bad = ("failed", "error")
    earlier = {row.runtime: row.status for row in was.other_runtimes}
    pairs = [("status", was.status, now.status)]
    pairs += [(row.runtime, earlier[row.runtime], row.status) for row in now.other_runtimes if row.runtime in earlier]
    return [
        Change(
            now.file.name,
            measure,
            first,
            last,
            _verdict(last in bad and first not in bad, first in bad and last not in bad),
        )
        for measure, first, last in pairs
    ]


def _accuracy(name: str, was: Accuracy, now: Accuracy) -> list[Change]:
    """Compare accuracies on the same images by their intervals, since reports do not say which images were right."""
    low, high = was.accuracy_interval
    verdict = _verdict(now.accuracy < low, now.accuracy > high)
    return [Change(name, "accuracy", percent(was.accuracy), percent(now.accuracy), verdict)]


def _agreement(was: ArtifactRow, now: ArtifactRow) -> list[Change]:
    if not was.parity or not now.parity:
        return []
    agreed, agrees = was.parity.argmax_agreement, now.parity.argmax_agreement
    # Three standard errors of the difference of two shares.
    spread = 3 * ((agreed * (1 - agreed) + agrees * (1 - agrees)) / now.parity.n) ** 0.5
    verdict = _verdict(agrees < agreed - spread, agrees > agreed + spread)
    return [Change(now.file.name, "agreement", percent(agreed), percent(agrees), verdict)]


def _times(was: ArtifactRow, now: ArtifactRow, same: bool) -> list[Change]:
    """In milliseconds on the same machine (`same`), else relative to each report's base."""
    changes = []
    for row in now.latency:
        before = was.at(row.setting)
        if before is None:
            continue
        if same:
            first, last = before.p50_ms_by_round, row.p50_ms_by_round
            words = milliseconds(before.p50_ms), milliseconds(row.p50_ms)
            ratio = row.p50_ms / before.p50_ms
        elif before.relative_p50 and row.relative_p50:
            first, last = (_relative_rounds(each) for each in (before, row))
            words = f"{before.relative_p50:.2f}x", f"{row.relative_p50:.2f}x"
            ratio = row.relative_p50 / before.relative_p50
        else:
            continue
        slower, faster = min(last) > max(first) and ratio > _TIME, max(last) < min(first) and ratio < 1 / _TIME
        changes.append(Change(now.file.name, f"p50, {setting(*row.setting)}", *words, _verdict(slower, faster)))
    return changes


def _relative_rounds(row: LatencyRow) -> tuple[float, ...]:
    return tuple(value * (row.relative_p50 or 0) / row.p50_ms for value in row.p50_ms_by_round)


def _cold_start(name: str, was: ColdStart, now: ColdStart) -> list[Change]:
    times = [start.cold_start_ms_range or (start.cold_start_ms, start.cold_start_ms) for start in (was, now)]
    ratio = now.cold_start_ms / was.cold_start_ms
    slower, faster = times[1][0] > times[0][1] and ratio > _TIME, times[1][1] < times[0][0] and ratio < 1 / _TIME
    words = milliseconds(was.cold_start_ms), milliseconds(now.cold_start_ms)
    known = min(was.n, now.n) >= _COLD_STARTS
    changes = [Change(name, "cold start", *words, _verdict(known and slower, known and faster))]
    if was.peak_memory_bytes and now.peak_memory_bytes:
        changes.append(_ratio(name, "peak memory", was.peak_memory_bytes, now.peak_memory_bytes, _MEMORY, size))
    return changes


def _ratio(name: str, measure: str, first: float, last: float, limit: float, words: Callable[[float], str]) -> Change:
    verdict = _verdict(last > first * limit, last < first / limit)
    return Change(name, measure, words(first), words(last), verdict)


def _verdict(worse: bool, better: bool) -> str:
    return WORSE if worse else BETTER if better else SAME


def _images(report: Report) -> str | None:
    return report.parity.data.fingerprint if report.parity else None
