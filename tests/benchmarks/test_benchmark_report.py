from __future__ import annotations

import csv
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import benchmarks.report.model_table
import benchmarks.report.write
from benchmarks.cells import number, points, size
from benchmarks.latency.rows import LatencyReport
from benchmarks.parity.rows import ParityReport, ParityRow
from benchmarks.report.merge import merge
from benchmarks.report.model_table import model_rows
from benchmarks.report.plot import pareto_front
from benchmarks.report.write import write_report
from benchmarks.table import read_record, write_record
from fer_zoo.errors import FerZooError

INPUTS = Path(__file__).parent / "report_inputs"
PLOTS = {"accuracy_latency.png", "parity.png", "latency.png", "sizes.png"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Reports of four artifacts: an original, a good export, one that misses its gate, a damaged one."""
    shutil.copytree(INPUTS, tmp_path / "reports")
    return tmp_path / "reports"


@pytest.fixture
def without_plots(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing takes longest by far."""
    monkeypatch.setattr(benchmarks.report.write, "draw_plots", lambda report, folder: [])
    monkeypatch.setattr(benchmarks.report.model_table, "_plot", lambda rows, first: None)


def tables(page: str) -> dict[str, list[dict[str, str]]]:
    """The tables of a markdown page by the heading above them."""
    found: dict[str, list[dict[str, str]]] = {}
    heading, columns = "", []
    for line in page.splitlines():
        if line.startswith("#"):
            heading, columns = line.lstrip("# "), []
        elif line.startswith("|"):
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            if not columns:
                columns = cells
            elif not cells[0].startswith("---"):
                found.setdefault(heading, []).append(dict(zip(columns, cells, strict=True)))
    return found


def value(cell: str) -> float:
    return float(re.match(r"[-+]?[\d,.]+(e[-+]\d+)?", cell)[0].replace(",", ""))


def change_parity(folder: Path, change: Callable[[ParityRow], ParityRow | None]) -> ParityReport:
    """Write `parity.json` with each row changed, or gone where `change` gives `None`."""
    parity = read_record(folder / "parity.json", ParityReport)
    parity = replace(parity, rows=tuple(row for each in parity.rows if (row := change(each))))
    write_record(folder / "parity.json", parity)
    return parity


def change_latency(folder: Path, change: Callable[[LatencyReport], LatencyReport]) -> None:
    latency = read_record(folder / "latency.json", LatencyReport)
    write_record(folder / "latency.json", change(latency))


def test_both_parts_are_joined(folder, without_plots):
    report = write_report(folder)
    assert report.base.file.name == "baseline_cnn onnx fp32"
    assert [row.status for row in report.artifacts] == ["reference", "passed", "failed", "error"]
    assert [len(row.latency) for row in report.artifacts] == [0, 4, 4, 0]
    fp32, int8, damaged = report.artifacts[1:]
    assert {row.relative_p50 for row in fp32.latency} == {1}
    assert int8.latency[0].relative_p50 == pytest.approx(0.43, abs=1e-3)
    assert len(damaged.problems) == 1, "the same sentence of both parts is there once"


def test_csv_has_the_numbers_of_the_rows(folder, without_plots):
    report = write_report(folder)
    rows = {
        name: list(csv.DictReader((folder / name).open())) for name in ("parity.csv", "latency.csv", "cold_start.csv")
    }
    assert [row["status"] for row in rows["parity.csv"]] == ["reference", "passed", "failed", "error"]
    for row, artifact in zip(rows["parity.csv"][:3], report.artifacts, strict=False):
        evaluation = artifact.evaluation
        assert float(row["accuracy"]) == evaluation.accuracy
        assert (float(row["accuracy_low"]), float(row["accuracy_high"])) == evaluation.accuracy_interval
        assert float(row["accuracy_without_train_copies"]) == evaluation.accuracy_without_train_copies
        assert float(row["recall_fear"]) == evaluation.recall["fear"]
        for name in ("accuracy_delta", "argmax_agreement", "max_abs_diff", "kl", "mcnemar_p"):
            assert row[name] == str(getattr(artifact.parity, name, ""))
    assert rows["parity.csv"][3]["accuracy"] == ""
    timed = [(artifact, row) for artifact in report.artifacts for row in artifact.latency]
    for row, (artifact, expected) in zip(rows["latency.csv"], timed, strict=True):
        assert row["name"] == artifact.file.name
        for name in ("batch", "threads", "n", "p50_ms", "p90_ms", "p99_ms", "images_per_second", "relative_p50"):
            assert float(row[name]) == getattr(expected, name)
    assert [float(row["cold_start_ms"]) for row in rows["cold_start.csv"]] == [157.2, 158.9]


def test_markdown_has_the_numbers_of_the_rows(folder, without_plots):
    report = write_report(folder)
    page = (folder / "report.md").read_text()
    found = tables(page)
    assert [row["artifact"] for row in found["Summary"]] == [row.file.name for row in report.artifacts]
    for row, artifact in list(zip(found["Summary"], report.artifacts, strict=True))[1:3]:
        single, many = artifact.latency[0], artifact.latency[3]
        assert value(row["accuracy"]) == pytest.approx(100 * artifact.evaluation.accuracy, abs=0.005)
        assert value(row["Δ points"]) == pytest.approx(100 * artifact.parity.accuracy_delta, abs=0.005)
        assert value(row["agreement"]) == pytest.approx(100 * artifact.parity.argmax_agreement, abs=0.005)
        assert value(row["size"]) == pytest.approx(artifact.file.bytes / 1000, abs=0.05)
        assert value(row["p50, batch 1, 1 thread"]) == pytest.approx(single.p50_ms, rel=0.005)
        assert value(row["relative"]) == pytest.approx(single.relative_p50, abs=0.005)
        assert value(row["images/s, batch 32, 2 threads"]) == pytest.approx(many.images_per_second, rel=0.005)
        assert value(row["cold start"]) == pytest.approx(artifact.cold_start.cold_start_ms, rel=0.005)
    assert [row["status"] for row in found["Summary"]] == ["original", "passed", "**FAILED**", "**ERROR**"]
    assert found["Summary"][0]["cold start"] == "-"
    assert found["Accuracy"][1]["without copies"] == "59.42 %"
    int8 = found["Parity with the Keras original"][1]
    assert int8["lost / won"] == "84 / 40"
    assert value(int8["McNemar p"]) == pytest.approx(9.6e-5)
    assert found["Recall per class, with its change in points"][2]["fear"] == "32.4 % (-0.61)"
    batch32 = found["Batch 32, 1 thread"][1]
    expected = report.artifacts[2].latency[2]
    for column in ("p50", "p90", "p99", "mean"):
        assert value(batch32[column]) == pytest.approx(getattr(expected, f"{column}_ms"), rel=0.005)
    assert "accuracy_delta is -0.0061" in page
    assert "sha256 differs" in page
    assert "busy machine" not in page
    assert "short run" not in page


def test_the_page_opens_with_the_numbers(folder, without_plots):
    change_latency(folder, lambda run: replace(run, machine=replace(run.machine, commit="abc-dirty")))
    write_report(folder)
    page = (folder / "report.md").read_text()
    title, origin, heading, table = page.split("\n\n")[:4]
    assert (title, heading) == ("# Benchmark report", "## Summary")
    assert origin.startswith("Example CPU, 2 cores, commit abc-dirty, ")
    assert table.startswith("| artifact |")
    assert "**Changes not in git**: the latency was measured" in page.partition("## Provenance")[2]


def test_times_that_mean_little_are_marked(folder, without_plots):
    def change(run: LatencyReport) -> LatencyReport:
        machine = replace(run.machine, load_average=(2.5, 0, 0))
        return replace(run, machine=machine, settings=replace(run.settings, queries=64, seconds=1.0), finished=None)

    change_latency(folder, change)
    write_report(folder)
    page = (folder / "report.md").read_text().partition("## Provenance")[2]
    assert "**A busy machine**: 2.5 processes" in page
    assert "**A short run** (64 queries or 1 s)" in page
    assert "**interrupted, so that rows are missing**" in page


def test_a_processor_without_vnni_is_named(folder, without_plots):
    pages = []
    for flags in (("avx2", "fma"), ("avx2", "fma", "avx_vnni")):
        change_latency(folder, lambda run, flags=flags: replace(run, machine=replace(run.machine, flags=flags)))
        write_report(folder)
        pages.append((folder / "report.md").read_text())
    assert ["**No VNNI**" in page for page in pages] == [True, False]


def test_a_missed_goal_has_a_reason(folder, without_plots):
    change_parity(folder, lambda row: replace(row, goals_missed=()))
    write_report(folder)
    assert "every artifact reaches the zoo's goals" in (folder / "report.md").read_text()
    missed = ("size is 0.28, must be ≤ 27 % of fp32",)
    parity = change_parity(folder, lambda row: replace(row, goals_missed=missed if row.error else ()))
    write_report(folder)
    _, _, section = (folder / "report.md").read_text().partition("### Goals not reached")
    assert f"- {parity.rows[-1].file.name}: size is 0.28" in section
    assert "a bias of 32 bits" in section
    assert "nearly as likely" not in section


def test_plots_are_drawn_and_linked(folder):
    write_report(folder)
    page = (folder / "report.md").read_text()
    for name in PLOTS:
        assert (folder / name).read_bytes().startswith(b"\x89PNG")
        assert f"]({name})" in page


@pytest.mark.usefixtures("undrawn")
def test_models_side_by_side(folder):
    report = write_report(folder)
    files = {artifact.file.name: artifact for artifact in report.artifacts}
    (row,) = model_rows(report)
    assert row.accuracy == files["baseline_cnn onnx fp32"].evaluation.accuracy
    assert row.int8_agreement == files["baseline_cnn onnx int8"].parity.argmax_agreement
    assert row.int8_ms / row.fp32_ms == pytest.approx(0.43, abs=1e-3)
    page = (folder / "models.md").read_text()
    assert f"| {row.file.params:,} |" in page


@pytest.mark.usefixtures("undrawn")
def test_a_model_whose_int8_file_was_timed_and_not_compared_yet(folder):
    change_parity(folder, lambda row: row if row.file.precision != "int8" else None)
    (row,) = model_rows(write_report(folder))
    assert (row.int8_points, row.int8_ms > 0) == (None, True)
    assert (folder / "models.png").exists()


@pytest.mark.usefixtures("undrawn")
def test_a_model_of_which_only_the_int8_file_was_there_to_time(folder):
    def change(run: LatencyReport) -> LatencyReport:
        return replace(run, rows=tuple(row for row in run.rows if row.path != "baseline_cnn/model.onnx"))

    change_latency(folder, change)
    (row,) = model_rows(write_report(folder))
    assert (row.fp32_ms, row.int8_ms > 0) == (None, True)
    assert f"| baseline_cnn | {row.file.params:,} |" in (folder / "models.md").read_text()
    assert (folder / "models.png").exists()


def test_models_of_eight_expressions_come_apart(folder):
    def change(row: ParityRow) -> ParityRow:
        return replace(row, file=replace(row.file, classes=8)) if row.status == "passed" else row

    parity = change_parity(folder, change)
    assert [row.file.is_fer2013 for row in merge(parity, None).artifacts] == [True, False, True, True]


@pytest.mark.usefixtures("undrawn")
def test_one_part_alone(folder):
    write_report(folder)
    (folder / "latency.json").unlink()
    report = write_report(folder)
    assert report.base is None
    page = (folder / "report.md").read_text()
    assert "Latency" not in page
    assert {path.name for path in folder.glob("*.png")} == {"parity.png", "sizes.png"}
    assert {path.name for path in folder.glob("*.csv")} == {"parity.csv"}
    shutil.copy(INPUTS / "latency.json", folder)
    (folder / "parity.json").unlink()
    report = write_report(folder)
    assert [row.status for row in report.artifacts] == ["measured", "measured", "error"]
    assert {path.name for path in folder.glob("*.png")} == {"latency.png", "sizes.png"}


def test_times_of_an_earlier_file_of_the_same_network_are_named(folder, without_plots):
    def change(row: ParityRow) -> ParityRow:
        return replace(row, file=replace(row.file, sha256="0" * 64)) if row.status == "passed" else row

    timed = read_record(folder / "parity.json", ParityReport).rows[1].file.sha256
    change_parity(folder, change)
    fp32 = write_report(folder).artifacts[1]
    assert (fp32.status, fp32.timed_sha256, len(fp32.latency)) == ("passed", timed, 4)
    assert f"earlier files of the same networks, for: {fp32.file.name}." in (folder / "report.md").read_text()


def test_times_of_another_network_are_refused(folder):
    def change(row: ParityRow) -> ParityRow:
        return replace(row, file=replace(row.file, sha256="0" * 64, macs=row.file.macs + 1))

    parity = change_parity(folder, change)
    fp32 = merge(parity, read_record(folder / "latency.json", LatencyReport)).artifacts[1]
    assert (fp32.status, fp32.latency) == ("error", ())
    assert "changed between parity and latency" in fp32.problems[-1]


def test_nothing_measured(tmp_path):
    with pytest.raises(FerZooError, match="run `python -m benchmarks` first"):
        write_report(tmp_path)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"schema": 1}'])
def test_damaged_input(tmp_path, content):
    (tmp_path / "parity.json").write_text(content)
    with pytest.raises(FerZooError, match=r"parity\.json .* measure again"):
        write_report(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["parity.json"]


def test_pareto_front():
    assert pareto_front([(3, 60), (1, 50), (2, 55), (2, 40), (4, 60), (5, 70)]) == [1, 2, 0, 5]
    assert pareto_front([(1, 50), (1, 60)]) == [1]
    assert pareto_front([]) == []


def test_words_for_numbers():
    assert [number(v) for v in (1234.5, 123.4, 12.34, 1.234, 0.1234, 9.6e-5, 0, None)] == [
        *("1,234", "123", "12.3", "1.23", "0.123", "9.6e-05", "0.000", "-")
    ]
    assert [size(v) for v in (164_892, 1_611_771, 819_590_000)] == ["164.9 kB", "1.61 MB", "820 MB"]
    assert [points(v) for v in (-0.0061, 0.0, 0.012, None)] == ["-0.61", "+0.00", "+1.20", "-"]
