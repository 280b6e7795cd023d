from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.__main__ import main
from benchmarks.latency.rows import LatencyReport, LatencyRow
from benchmarks.report.merge import read_report
from benchmarks.report.regression import compare_reports
from benchmarks.report.rows import ArtifactRow, Report
from benchmarks.table import read_record, write_record
from fer_zoo.console import run

INPUTS = Path(__file__).parent / "report_inputs"


@pytest.fixture
def report() -> Report:
    return read_report(INPUTS)


def verdicts(before: Report, after: Report) -> dict[tuple[str, str], str]:
    changes = compare_reports(before, after)
    return {(c.artifact, c.measure): c.verdict for c in changes if c.verdict != "same"}


def changed(report: Report, change: Callable[[ArtifactRow], ArtifactRow | None]) -> Report:
    """The report with each file's row changed, or gone where `change` gives `None`."""
    return replace(report, artifacts=tuple(row for each in report.artifacts if (row := change(each))))


def times(row: LatencyRow, factor: float, relative: float) -> LatencyRow:
    return replace(
        row,
        p50_ms=row.p50_ms * factor,
        relative_p50=row.relative_p50 * relative,
        p50_ms_by_round=tuple(value * factor for value in row.p50_ms_by_round),
    )


def slower(report: Report, factor: float) -> Report:
    """With one file slower than it was."""
    name = report.artifacts[2].file.name

    def change(artifact: ArtifactRow) -> ArtifactRow:
        rows = tuple(times(row, factor, factor) for row in artifact.latency)
        return replace(artifact, latency=rows) if artifact.file.name == name else artifact

    return changed(report, change)


def test_a_report_equals_itself(report):
    assert verdicts(report, report) == {}
    assert len(compare_reports(report, report)) > 15


def test_times_beyond_the_spread_of_the_rounds_are_found(report):
    name = report.artifacts[2].file.name
    found = verdicts(report, slower(report, 2))
    assert found[name, "p50, batch 1, 1 thread"] == "REGRESSION"
    assert set(found.values()) == {"REGRESSION"}
    assert set(verdicts(slower(report, 2), report).values()) == {"better"}
    assert verdicts(report, slower(report, 1.04)) == {}


def test_two_cold_starts_are_too_few(report):
    (first, *_) = (row for row in report.artifacts if row.cold_start)
    doubled = replace(first.cold_start, cold_start_ms=2 * first.cold_start.cold_start_ms)
    for n, expected in ((doubled.n, ["REGRESSION"]), (2, [])):
        start = replace(doubled, n=n)
        after = changed(report, lambda row, start=start: replace(row, cold_start=start) if row is first else row)
        assert list(verdicts(report, after).values()) == expected


def test_a_slower_machine_is_no_regression(report):
    def slow(artifact: ArtifactRow) -> ArtifactRow:
        start = artifact.cold_start
        return replace(
            artifact,
            latency=tuple(times(row, 3, 1) for row in artifact.latency),
            cold_start=start and replace(start, cold_start_ms=3 * start.cold_start_ms),
        )

    machine = replace(report.latency.machine, cpu="another")
    other = replace(changed(report, slow), latency=replace(report.latency, machine=machine))
    assert verdicts(report, other) == {}
    assert set(verdicts(report, slower(other, 2)).values()) == {"REGRESSION"}


def test_accuracy_gates_size_and_missing_artifacts(report):
    keras, fp32, int8, damaged = report.artifacts
    evaluation = replace(keras.evaluation, accuracy=keras.evaluation.accuracy - 0.02)
    file = replace(fp32.file, bytes=round(fp32.file.bytes * 1.1), sha256="0" * 64)
    after = (
        replace(keras, parity_row=replace(keras.parity_row, evaluation=evaluation)),
        replace(fp32, file=file, status="failed"),
        replace(int8, status="passed"),
    )
    assert verdicts(report, replace(report, artifacts=after)) == {
        (keras.file.name, "accuracy"): "REGRESSION",
        (fp32.file.name, "file"): "changed",
        (fp32.file.name, "status"): "REGRESSION",
        (fp32.file.name, "file size"): "REGRESSION",
        (int8.file.name, "status"): "better",
        (damaged.file.name, "artifact"): "REGRESSION",
    }


def test_command(tmp_path, capsys):
    folders = [tmp_path / name for name in ("a", "b")]
    for folder in folders:
        shutil.copytree(INPUTS, folder)
    latency = read_record(INPUTS / "latency.json", LatencyReport)
    rows = tuple(times(replace(row, relative_p50=0), 2, 1) if "int8" in row.path else row for row in latency.rows)
    write_record(folders[1] / "latency.json", replace(latency, rows=rows))
    first, second = map(str, folders)
    assert run(main, ["compare", first, first]) == 0
    assert "0 regressions" in capsys.readouterr().out
    assert run(main, ["compare", first, second]) == 1
    captured = capsys.readouterr()
    assert "REGRESSION" in captured.out
    assert "p50, batch 1, 1 thread went from" in captured.err
    assert run(main, ["compare", str(folders[0] / "report.json"), second]) == 1, "as reports were named before"
    assert run(main, ["compare", first, str(tmp_path / "none")]) == 2
    capsys.readouterr()
    (folders[1] / "latency.json").write_text("{}")
    assert run(main, ["compare", first, second]) == 1
    assert "is not a benchmark's table" in capsys.readouterr().err
