"""Tables keep their words whole at every usual width of a terminal, and are whole where there is none."""

from __future__ import annotations

import io
from collections.abc import Sequence

import pytest
from rich.console import Console
from rich.table import Table

import benchmarks.__main__ as benchmark
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
    results = Results("model", "onnxruntime", 2)
    path = "/home/someone/pictures/holiday/IMG_20240102_123456.jpg"
    results.answers.append((path, [Prediction(path, 1, None, (("surprise", 0.9), ("neutral", 0.1)))]))
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
    setting = {"batch": 1, "threads": 1, "p50_ms": 12.3, "relative_p50": 1.0, "images_per_second": 12345.6}
    artifact = {
        "name": "fernet_ensemble_ferplus tflite int8",
        "bytes": 10_200_000,
        "status": "passed",
        "evaluation": {"accuracy": 0.8857, "accuracy_interval": [0.87, 0.89]},
        "parity": {"accuracy_delta": 0.0005, "argmax_agreement": 0.98123},
        "cold_start": {"cold_start_ms": 300, "peak_memory_bytes": 123_000_000},
        "latency": [setting, setting | {"batch": 32, "threads": 2}],
        "missed": [],
        "errors": [],
    }
    buffer = io.StringIO()
    monkeypatch.setattr(tables, "out", Console(file=buffer, width=width, force_terminal=True, color_system=None))
    benchmark._show({"artifacts": [artifact]})
    text = buffer.getvalue()
    assert max(map(len, text.splitlines())) <= width
    assert {"artifact", "fernet_ensemble_ferplus", "accuracy", "88.57", "status", "passed"} <= set(text.split())
