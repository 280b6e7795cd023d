"""What changed between two reports: `python -m benchmarks compare A.json B.json`, exit 1 on a regression."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fer_zoo.console import err, out, run
from fer_zoo.errors import FerZooError, UsageError
from fer_zoo.tables import print_table

from .stored import read_report
from .tables import milliseconds, percent, plural, size

Row = dict[str, Any]

SAME, CHANGED, BETTER, WORSE = "same", "changed", "better", "REGRESSION"

# A change that nobody would act on is no regression, however sure it is.
_TIME, _BYTES, _MEMORY = 1.05, 1.01, 1.10
# Two runs of two cold starts each lie apart by chance in one of three cases, of five each in one of 126.
_COLD_STARTS = 5
_STYLE = {WORSE: "red", BETTER: "green", CHANGED: "yellow"}


@dataclass(frozen=True)
class Change:
    """One measure of one artifact in both reports.

    Attributes:
        artifact: Its name.
        measure: What was measured.
        before: As words.
        after: As words.
        verdict: `same` (within noise), `changed`, `better` or `REGRESSION`.
    """

    artifact: str
    measure: str
    before: str
    after: str
    verdict: str


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks compare",
        description="Compare two report.json files. Times count as different where the medians of their rounds do not "
        "overlap and differ by 5 %, cold starts where there are five of them; on different machines, times relative to "
        "each report's base are compared.",
    )
    parser.add_argument("before", type=Path, metavar="A.json")
    parser.add_argument("after", type=Path, metavar="B.json")
    parser.add_argument("--all", action="store_true", help="list what is the same, too")
    given = parser.parse_args(arguments)
    before, after = _read(given.before), _read(given.after)
    changes = compare_reports(before, after)
    if not _same_machine(before, after):
        out.print("Two machines: times are compared relative to each report's base, without cold start and memory.")
    _show([change for change in changes if given.all or change.verdict != SAME])
    worse = [change for change in changes if change.verdict == WORSE]
    out.print(f"{plural(len(changes), 'measure')} compared, {plural(len(worse), 'regression')}")
    for change in worse:
        sentence = f"{change.artifact}: {change.measure} went from {change.before} to {change.after}"
        err.print(sentence, style="red", markup=False)
    return 1 if worse else 0


def compare_reports(before: Row, after: Row) -> list[Change]:
    """Every measure that both reports have, and artifacts that came, went, or have another file now.

    Args:
        before: Content of a `report.json`.
        after: Content of another.
    """
    old, new = ({a["path"]: a for a in report["artifacts"]} for report in (before, after))
    same_machine = _same_machine(before, after)
    same_images = _images(before) == _images(after)
    changes = [Change(a["name"], "artifact", "-", "new", CHANGED) for path, a in new.items() if path not in old]
    for path, was in old.items():
        now = new.get(path)
        if now is None:
            changes.append(Change(was["name"], "artifact", "there", "gone", WORSE))
            continue
        if was["sha256"] != now["sha256"]:
            changes.append(Change(was["name"], "file", was["sha256"][:8], now["sha256"][:8], CHANGED))
        changes += _status(was, now)
        changes += _accuracy(was, now) if same_images else []
        changes += _times(was, now, same_machine)
        changes.append(_ratio(was["name"], "file size", was["bytes"], now["bytes"], _BYTES, size))
        if same_machine:
            changes += _cold_start(was, now)
    return changes


def _status(was: Row, now: Row) -> list[Change]:
    bad = ("failed", "error")
    pairs = [("status", was["status"], now["status"])]
    there = {row["where"]: row["status"] for row in was.get("elsewhere", ())}
    pairs += [(r["where"], there[r["where"]], r["status"]) for r in now.get("elsewhere", ()) if r["where"] in there]
    return [
        Change(
            now["name"],
            measure,
            first,
            last,
            _verdict(last in bad and first not in bad, first in bad and last not in bad),
        )
        for measure, first, last in pairs
    ]


def _accuracy(was: Row, now: Row) -> list[Change]:
    """The images are the same, but which of them were right is not in a report: its interval is the noise."""
    if "evaluation" not in was or "evaluation" not in now:
        return []
    first, last = was["evaluation"], now["evaluation"]
    (low, high), accuracy = first["accuracy_interval"], last["accuracy"]
    verdict = _verdict(accuracy < low, accuracy > high)
    changes = [Change(now["name"], "accuracy", percent(first["accuracy"]), percent(accuracy), verdict)]
    if "parity" in was and "parity" in now:
        agreed, agrees = was["parity"]["argmax_agreement"], now["parity"]["argmax_agreement"]
        # Three standard errors of two shares.
        spread = 3 * ((agreed * (1 - agreed) + agrees * (1 - agrees)) / last["n"]) ** 0.5
        verdict = _verdict(agrees < agreed - spread, agrees > agreed + spread)
        changes.append(Change(now["name"], "agreement", percent(agreed), percent(agrees), verdict))
    return changes


def _times(was: Row, now: Row, same_machine: bool) -> list[Change]:
    changes = []
    rows = {_setting(row): row for row in (*was["latency"], *was.get("execution", ()))}
    for row in (*now["latency"], *now.get("execution", ())):
        before = rows.get(_setting(row))
        if before is None:
            continue
        if same_machine:
            first, last = before["p50_ms_by_round"], row["p50_ms_by_round"]
            words = milliseconds(before["p50_ms"]), milliseconds(row["p50_ms"])
            ratio = row["p50_ms"] / before["p50_ms"]
        elif before.get("relative_p50") and row.get("relative_p50"):
            first, last = (_relative_rounds(each) for each in (before, row))
            words = f"{before['relative_p50']:.2f}x", f"{row['relative_p50']:.2f}x"
            ratio = row["relative_p50"] / before["relative_p50"]
        else:
            continue
        slower, faster = min(last) > max(first) and ratio > _TIME, max(last) < min(first) and ratio < 1 / _TIME
        changes.append(Change(now["name"], f"p50, {_setting(row)}", *words, _verdict(slower, faster)))
    return changes


def _relative_rounds(row: Row) -> list[float]:
    return [value * row["relative_p50"] / row["p50_ms"] for value in row["p50_ms_by_round"]]


def _cold_start(was: Row, now: Row) -> list[Change]:
    first, last = was.get("cold_start"), now.get("cold_start")
    if not first or not last:
        return []
    times = [start.get("cold_start_ms_range") or [start["cold_start_ms"]] * 2 for start in (first, last)]
    ratio = last["cold_start_ms"] / first["cold_start_ms"]
    slower, faster = times[1][0] > times[0][1] and ratio > _TIME, times[1][1] < times[0][0] and ratio < 1 / _TIME
    words = milliseconds(first["cold_start_ms"]), milliseconds(last["cold_start_ms"])
    known = min(first["n"], last["n"]) >= _COLD_STARTS
    changes = [Change(now["name"], "cold start", *words, _verdict(known and slower, known and faster))]
    memory = first.get("peak_memory_bytes"), last.get("peak_memory_bytes")
    if None not in memory:
        changes.append(_ratio(now["name"], "peak memory", *memory, _MEMORY, size))
    return changes


def _ratio(name: str, measure: str, first: Any, last: Any, limit: float, words: Any) -> Change:
    verdict = _verdict(last > first * limit, last < first / limit)
    return Change(name, measure, words(first), words(last), verdict)


def _verdict(worse: bool, better: bool) -> str:
    return WORSE if worse else BETTER if better else SAME


def _setting(row: Row) -> str:
    text = f"batch {row['batch']}, {plural(row['threads'], 'thread')}"
    return text if row.get("execution", "default") == "default" else f"{text}, {row['execution']}"


def _same_machine(before: Row, after: Row) -> bool:
    def machine(report: Row) -> Any:
        found = report["runs"].get("latency", {}).get("machine")
        return found and (found["cpu"], found["cores"])

    return machine(before) == machine(after)


def _images(report: Row) -> Any:
    return report["runs"].get("parity", {}).get("data", {}).get("fingerprint")


def _read(path: Path) -> Row:
    found = read_report(path)
    if found is None:
        raise UsageError(f"there is no file {path}")
    if found.get("kind") != "benchmark":
        raise FerZooError(f"{path} is not a report.json of `python -m benchmarks`")
    return found


def _show(changes: list[Change]) -> None:
    from rich.table import Table

    if not changes:
        return
    table = Table("artifact", "measure", "before", "after", "", box=None, pad_edge=False)
    for change in changes:
        style = _STYLE.get(change.verdict)
        table.add_row(change.artifact, change.measure, change.before, change.after, change.verdict, style=style)
    print_table(table)


if __name__ == "__main__":
    sys.exit(run(main))
