"""The throughput benchmark: whole processes of several checkouts, on photos that are the same each time."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from benchmarks.table import read_record
from benchmarks.throughput.command import main
from benchmarks.throughput.make_photos import make_photo
from benchmarks.throughput.rows import PhotoKind, ThroughputReport
from fer_zoo.errors import FerZooError, UsageError

_PHOTO = Path(__file__).parents[2] / "docs" / "images" / "astronaut.jpg"
# Takes a millisecond of processor time for each photo, and does not look at it.
_PREDICT = """
import sys, time
photos = sys.argv[sys.argv.index("csv") + 1:]
while time.process_time() < 0.001 * len(photos):
    pass
"""


def _checkout(folder: Path, program: str) -> Path:
    (folder / "fer_zoo").mkdir(parents=True)
    (folder / "fer_zoo" / "__init__.py").touch()
    (folder / "fer_zoo" / "predict.py").write_text(program)
    return folder


def _run(folder: Path, *checkouts: Path) -> int:
    arguments = ["--checkout", *map(str, checkouts), "--photos", "320x240", "--cores", "1", "--output", str(folder)]
    return main([*arguments, "--quick", "--seconds", "0.01"])


def test_each_program_has_a_row(tmp_path, capsys):
    old, new = (_checkout(tmp_path / name, _PREDICT) for name in ("old", "new"))
    assert _run(tmp_path / "out", old, new) == 0
    report = read_record(tmp_path / "out" / "throughput.json", ThroughputReport)
    assert report is not None
    assert [row.program for row in report.rows][:2] == ["old", "new"]
    assert len(report.rows) == 4
    assert (report.rows[0].speedup, report.missing.keys()) == (1, {"fer"})
    assert all(row.photos >= 4 and row.cpu_ms > 0 and row.peak_bytes > 1e6 for row in report.rows)
    assert all((tmp_path / "out" / f"throughput.{suffix}").stat().st_size for suffix in ("csv", "md", "png"))
    assert "Pillow, in full" in capsys.readouterr().out


def test_what_cannot_be_measured_is_one_sentence(tmp_path):
    with pytest.raises(FerZooError, match="broken failed: ValueError: no model"):
        _run(tmp_path / "out", _checkout(tmp_path / "broken", "raise ValueError('no model')"))
    with pytest.raises(UsageError, match="is no checkout of fer_zoo"):
        _run(tmp_path / "out", tmp_path)


def test_a_photo_has_the_same_bytes_each_time_and_the_size_of_its_kind(tmp_path):
    kind = PhotoKind("a, b", 90, 60, grain=3)
    (tmp_path / "again").mkdir()
    one, two = (make_photo(_PHOTO, kind, folder) for folder in (tmp_path, tmp_path / "again"))
    assert one.read_bytes() == two.read_bytes()
    assert Image.open(one).size == (90, 60)
