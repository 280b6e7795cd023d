"""A table comes back from its file as it was written; anything else is refused in one sentence."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks.table import markdown_table, read_record, write_csv, write_record
from fer_zoo.errors import FerZooError


@dataclass(frozen=True)
class Inner:
    n: int
    share_interval: tuple[float, float]


@dataclass(frozen=True)
class Outer:
    name: str
    n: int
    inner: Inner | None = None
    recall: dict[str, float] | None = None
    rows: tuple[Inner, ...] = ()


@dataclass(frozen=True)
class Other:
    name: str


OUTER = Outer("a", 1, Inner(2, (0.1, 1 / 3)), {"happy": 0.5}, (Inner(3, (0, 1)),))


def test_a_record_comes_back_as_it_was(tmp_path: Path) -> None:
    for record in (OUTER, Outer("b", 2)):
        write_record(tmp_path / "table.json", record)
        assert read_record(tmp_path / "table.json", Outer) == record
    assert read_record(tmp_path / "none.json", Outer) is None


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "is not a benchmark"),
        ("[]", "is not a benchmark"),
        ("{}", "is not a benchmark"),
        ('{"schema": 1, "kind": "Outer"}', "has schema 1, this version reads 2"),
        ('{"schema": 2, "kind": "Outer", "name": "a"}', "is damaged"),
        ('{"schema": 2, "kind": "Outer", "name": "a", "n": 1, "what": 2}', "is damaged"),
        ('{"schema": 2, "kind": "Other", "name": "a"}', "it is a Other, not a Outer"),
    ],
)
def test_another_file_is_refused(tmp_path: Path, content: str, words: str) -> None:
    (tmp_path / "table.json").write_text(content)
    with pytest.raises(FerZooError, match=words) as caught:
        read_record(tmp_path / "table.json", Outer)
    assert "delete it and measure again" in str(caught.value)


def test_csv_is_flat_in_full_precision(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    write_csv(path, [OUTER, Outer("b", 2)])
    first, second = csv.DictReader(path.open())
    assert first == {"name": "a", "n": "1", "recall_happy": "0.5", "share_low": "0.1", "share_high": str(1 / 3)}
    assert (second["n"], second["share_low"]) == ("2", "")
    write_csv(path, [])
    assert not path.exists()


def test_markdown() -> None:
    table = markdown_table([("a", lambda row: row.name), ("b", lambda row: f"{row.n}")], [OUTER])
    assert table == "| a | b |\n| --- | ---: |\n| a | 1 |"
