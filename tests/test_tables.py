"""Tables keep their words whole at every usual width of a terminal, and are whole where there is none."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace

import pytest
from rich.console import Console
from rich.table import Table

from benchmarks.accuracy.rows import Accuracy
from benchmarks.latency.rows import ColdStart, LatencyRow
from benchmarks.parity.rows import ParityRow
from benchmarks.report.command import print_summary
from benchmarks.report.rows import ArtifactRow, Report
from benchmarks.rows import ModelFile
from fer_zoo import tables
from fer_zoo.faces.results import BAR, Prediction, Results
from fer_zoo.tables import fitted, print_table, table_text


def rendered(table: Table, width: int, optional: Sequence[str] = ()) -> list[str]:
    buffer = io.StringIO()
    Console(file=buffer, width=width).print(fitted(table, width, optional))
    return buffer.getvalue().splitlines()


def make(rows: Sequence[Sequence[str]], *no_wrap: bool) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading, keep in zip(("artifact", "accuracy", "what happened"), no_wrap, strict=True):
        table.add_column(heading, no_wrap=keep)
    for row in rows:
        table.add_row(*row)
    return table


ROWS = [("fernet_ensemble_ferplus tflite int8", "88.57 %", "passed all of its gates"), ("b", "1 %", "-")]


@pytest.mark.parametrize("width", [55, 60, 80, 100])
def test_lines_break_between_words(width: int) -> None:
    lines = rendered(make(ROWS, False, True, False), width)
    assert max(map(len, lines)) <= width
    words = " ".join(lines).split()
    assert sorted(words) == sorted(table_text(make(ROWS, False, True, False)).split())
    assert any("88.57 %" in line for line in lines)


def test_optional_columns_go_only_where_they_must() -> None:
    def header(width: int) -> list[str]:
        return rendered(make(ROWS, True, True, True), width, ["accuracy", "what happened"])[0].split()

    assert header(80) == ["artifact", "accuracy", "what", "happened"]
    assert header(69) == ["artifact", "what", "happened"]
    assert header(40) == ["artifact"]
    # What stays is whole, to the last character that fits.
    assert rendered(make(ROWS, True, True, True), 45, ["what happened"])[1].split()[-2:] == ["88.57", "%"]


def test_file_names_may_be_cut_anywhere() -> None:
    results = Results("model", "onnxruntime")
    path = "/home/someone/pictures/holiday/IMG_20240102_123456.jpg"
    results.files.append((path, [Prediction(path, 1, None, (("surprise", 0.9), ("neutral", 0.1)))]))
    lines = rendered(results.to_table(), 80, [BAR])
    assert max(map(len, lines)) <= 80
    assert "".join(line[:20].split("  ")[0].strip() for line in lines[1:]).startswith(path[:20])
    assert "surprise" in lines[1]
    assert "0.90" in lines[1]


def test_a_pipe_gets_the_whole_table(capsys: pytest.CaptureFixture[str]) -> None:
    long = "x" * 300
    print_table(make([(long, "1", "[2]")], True, True, True), optional=["accuracy"])
    assert capsys.readouterr().out.splitlines()[1].split() == [long, "1", "[2]"]


@pytest.mark.parametrize("width", [80, 100])
def test_the_summary_of_a_benchmark_fits(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    times = LatencyRow(
        1, 12.3, 12.3, 12.3, 12.3, 12345.6, (12.3,), "p", "onnxruntime", 1, 1, 1, 1, 1, 1, relative_p50=1
    )
    name = "fernet_ensemble_ferplus tflite int8"
    file = ModelFile(name, "fernet_ensemble_ferplus", "tflite", "int8", "p", "0", 10_200_000, 1, 1, "jax", 8)
    parity = ParityRow(file, "passed", evaluation=Accuracy(9, 0.8857, (0.87, 0.89), 0.8, 0.1, 1.0, {}))
    start = ColdStart(300, 1, 1, 1, 1, 123_000_000)
    latency = (times, replace(times, batch=32, threads=2))
    artifact = ArtifactRow(file, "passed", parity_row=parity, latency=latency, cold_start=start)
    buffer = io.StringIO()
    monkeypatch.setattr(tables, "out", Console(file=buffer, width=width, force_terminal=True, color_system=None))
    print_summary(Report((artifact,)))
    text = buffer.getvalue()
    assert max(map(len, text.splitlines())) <= width
    assert {"artifact", "fernet_ensemble_ferplus", "accuracy", "88.57", "status", "passed"} <= set(text.split())
