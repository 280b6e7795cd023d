from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest

from benchmarks.report.regression import compare_reports, main
from benchmarks.report.write import merge
from fer_zoo.console import run

INPUTS = Path(__file__).parent / "report_inputs"


@pytest.fixture
def report() -> dict:
    return merge(*(json.loads((INPUTS / name).read_text()) for name in ("parity.json", "latency.json")))


def verdicts(before: dict, after: dict) -> dict[tuple[str, str], str]:
    changes = compare_reports(before, after)
    return {(c.artifact, c.measure): c.verdict for c in changes if c.verdict != "same"}


def slower(report: dict, factor: float, index: int = 2) -> dict:
    report = copy.deepcopy(report)
    for row in report["artifacts"][index]["latency"]:
        for name in ("p50_ms", "relative_p50"):
            row[name] *= factor
        row["p50_ms_by_round"] = [value * factor for value in row["p50_ms_by_round"]]
    return report


def test_a_report_equals_itself(report):
    assert verdicts(report, report) == {}
    assert len(compare_reports(report, report)) > 15


def test_times_beyond_the_spread_of_the_rounds_are_told(report):
    name = report["artifacts"][2]["name"]
    found = verdicts(report, slower(report, 2))
    assert found[name, "p50, batch 1, 1 thread"] == "REGRESSION"
    assert set(found.values()) == {"REGRESSION"}
    assert set(verdicts(slower(report, 2), report).values()) == {"better"}
    assert verdicts(report, slower(report, 1.04)) == {}


def test_two_cold_starts_tell_nothing(report):
    after = copy.deepcopy(report)
    (start, *_) = (artifact["cold_start"] for artifact in after["artifacts"] if "cold_start" in artifact)
    start["cold_start_ms"] *= 2
    assert list(verdicts(report, after).values()) == ["REGRESSION"]
    start["n"] = 2
    assert verdicts(report, after) == {}


def test_a_slower_machine_is_no_regression(report):
    other = copy.deepcopy(report)
    other["runs"]["latency"]["machine"]["cpu"] = "another"
    for artifact in other["artifacts"]:
        for row in artifact["latency"]:
            row["p50_ms"] *= 3
            row["p50_ms_by_round"] = [3 * value for value in row["p50_ms_by_round"]]
        if "cold_start" in artifact:
            artifact["cold_start"]["cold_start_ms"] *= 3
    assert verdicts(report, other) == {}
    assert set(verdicts(report, slower(other, 2)).values()) == {"REGRESSION"}


def test_accuracy_gates_size_and_missing_artifacts(report):
    after = copy.deepcopy(report)
    keras, fp32, int8, damaged = after["artifacts"]
    keras["evaluation"]["accuracy"] -= 0.02
    fp32["bytes"] = round(fp32["bytes"] * 1.1)
    fp32["status"] = "failed"
    fp32["sha256"] = "0" * 64
    int8["status"] = "passed"
    after["artifacts"].remove(damaged)
    assert verdicts(report, after) == {
        (keras["name"], "accuracy"): "REGRESSION",
        (fp32["name"], "file"): "changed",
        (fp32["name"], "status"): "REGRESSION",
        (fp32["name"], "file size"): "REGRESSION",
        (int8["name"], "status"): "better",
        (damaged["name"], "artifact"): "REGRESSION",
    }


def test_command(report, tmp_path, capsys):
    paths = [tmp_path / name for name in ("a.json", "b.json")]
    for path, content in zip(paths, (report, slower(report, 2)), strict=True):
        path.write_text(json.dumps(content))
    first, second = map(str, paths)
    assert run(main, [first, first]) == 0
    assert "0 regressions" in capsys.readouterr().out
    assert run(main, [first, second]) == 1
    captured = capsys.readouterr()
    assert "REGRESSION" in captured.out
    assert "p50, batch 1, 1 thread went from" in captured.err
    assert run(main, [first, str(tmp_path / "none.json")]) == 2
    paths[1].write_text((INPUTS / "parity.json").read_text())
    assert run(main, [first, second]) == 1
    assert "is not a report.json" in capsys.readouterr().err
