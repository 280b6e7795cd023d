"""The benchmark of scale: measured rows, and the arithmetic of a billion photos."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.machine import describe
from benchmarks.scale import page
from benchmarks.scale.measure import measure_scale
from benchmarks.scale.plot import plot_scale
from benchmarks.scale.rows import ScaleReport, ScaleRow
from benchmarks.table import read_record, write_record
from benchmarks.throughput.rows import PhotoKind
from fer_zoo.distributed import FacePredictor

_PHOTO = Path(__file__).parents[2] / "docs" / "images" / "astronaut.jpg"


def _one_after_the_other(predictor: FacePredictor, files: Sequence[str], workers: int) -> Iterator[Any]:
    parquet = pytest.importorskip("fer_zoo.distributed.parquet", exc_type=ImportError)
    for number, file in enumerate(files):
        faces = predictor({"file": np.array([file])})
        yield parquet.arrow_table(faces | {"worker": np.full(len(faces["face"]), number % workers, float)})


def test_rows_are_of_the_parts_after_each_workers_first() -> None:
    kinds = [PhotoKind("200x200", 200, 200), PhotoKind("300x300", 300, 300)]
    report = measure_scale(_one_after_the_other, describe(), "fernet_tiny:onnx:int8", _PHOTO, kinds, [1, 2], 2)
    assert [(row.photo, row.workers, row.photos) for row in report.rows] == [
        ("200x200", 1, 1),
        ("200x200", 2, 2),
        ("300x300", 1, 1),
        ("300x300", 2, 2),
    ]
    assert report.rows[0].file_bytes < report.rows[2].file_bytes
    assert all(row.photos_per_second > 0 and row.cpu_ms > 0.1 and row.peak_bytes > 3e7 for row in report.rows)


def test_a_billion_photos_on_paper(tmp_path: Path) -> None:
    single, double = (ScaleRow("12 MP", workers, 1_000_000, 100, 25.0 * workers, 36.0, 1e8) for workers in (1, 2))
    assert page.core_hours(single) == pytest.approx(10_000)
    assert page.cores_in_a_day(single) == pytest.approx(416.67, abs=0.01)
    assert page.network_in_a_day(single) == pytest.approx(92.6e9, rel=1e-3)
    assert page.cores_of_the_network(single) == pytest.approx(45)
    assert page.cores_of_the_store(single) == pytest.approx(198)
    machine = replace(describe(), cores=4, load_average=(0.9, 2.0, 2.0))
    report = ScaleReport("2026-11-29T00:00:00+00:00", machine, "model.onnx", (single, double))
    text = page.to_markdown(report)
    busy = page.to_markdown(replace(report, machine=replace(machine, load_average=(1.1, 2.0, 2.0))))
    assert "Other programs ran at the same time" in busy
    assert "Other programs" not in text
    assert "| 12 MP | 10,000 | 1,000 | 417 | 42 | 92.6 | 45 | 198 |" in text
    write_record(tmp_path / "scale.json", report)
    assert read_record(tmp_path / "scale.json", ScaleReport) == report
    assert len(plot_scale(report.rows).axes[0].lines) == 2
