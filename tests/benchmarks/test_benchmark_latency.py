from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import benchmarks.latency.measure
from benchmarks.latency.measure import run_latency
from benchmarks.latency.rounds import order
from benchmarks.latency.rows import LatencyReport, Start
from benchmarks.options import Options, Timing
from benchmarks.table import read_record

pytestmark = pytest.mark.usefixtures("quick")

COLD = Start(100.0, python_ms=10.0, import_ms=60.0, load_ms=20.0, answer_ms=10.0, peak_memory_bytes=50_000_000)


@pytest.fixture
def options(zoo) -> Options:
    limits = {"queries": 8, "seconds": 5.0, "rounds": 4, "warmup_seconds": 0.0, "settle_seconds": 0.0, "cold_starts": 3}
    return Options(zoo.artifacts, zoo.reports, zoo.data, timing=Timing(batches=(1, 4), threads=(1, 2), **limits))


@pytest.fixture
def fake_cold_start(monkeypatch):
    """Cold starts without processes: the n-th takes 100 ms times n."""
    calls: list[str] = []

    def start(model, threads, face):
        calls.append(model.name)
        assert len(face) == 48 * 48
        return replace(COLD, cold_start_ms=100.0 * calls.count(model.name))

    monkeypatch.setattr(benchmarks.latency.measure, "cold_start", start)
    return calls


@pytest.fixture
def blocks(monkeypatch):
    """Record every timed block and answer with the number of images in microseconds."""
    seen: list[str] = []

    def loaded(artifact, options, candidate, batches, *_):
        def block(*, queries, seconds, settle_seconds):
            assert batches.dtype == np.float32
            assert batches.shape[1:] == (candidate.batch, 48, 48, 1)
            if seconds:  # Not the warm-up.
                seen.append(str(candidate))
            return [1000 * candidate.batch] * queries

        return block

    monkeypatch.setattr(benchmarks.latency.measure, "_block", loaded)
    return seen


def test_order_has_every_item_once_and_changes():
    items = list("abcdefgh")
    rounds = [order(items, number) for number in range(16)]
    assert all(sorted(found) == items for found in rounds)
    assert len({tuple(found) for found in rounds}) == 16
    assert rounds[3] == order(items, 3)


def test_candidates_take_turns(zoo, options, blocks, fake_cold_start):
    report = run_latency(options)
    everything = {
        f"linear/model.{precision}.onnx batch {batch} threads {threads}"
        for precision in ("fp32", "int8")
        for batch in (1, 4)
        for threads in (1, 2)
    }
    rounds = [blocks[start : start + 8] for start in range(0, len(blocks), 8)]
    assert len(rounds) == 4
    assert all(set(found) == everything for found in rounds)
    assert len(report.rows) == 8
    assert report.errors == {}
    for row in report.rows:
        assert row.n == 8
        assert row.p50_ms == row.p99_ms == pytest.approx(row.batch / 1000)
        assert row.images_per_second == pytest.approx(1e6)
        assert row.gmacs_per_second == pytest.approx(16.128)
        assert row.share_of_peak == pytest.approx(0.16128 / row.threads)
    assert [start.cold_start_ms for start in report.cold_starts] == [200, 200]
    assert all(start.n == 3 for start in report.cold_starts)


def test_an_interrupted_run_goes_on(zoo, options, blocks, fake_cold_start, monkeypatch):
    loaded = benchmarks.latency.measure._block

    def interrupted(*arguments):
        block = loaded(*arguments)

        def until_the_third_round(**limits):
            if len(blocks) == 20:
                raise KeyboardInterrupt
            return block(**limits)

        return until_the_third_round

    monkeypatch.setattr(benchmarks.latency.measure, "_block", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_latency(options)
    half = read_record(zoo.reports / "latency.json", LatencyReport)
    assert half.finished is None
    assert {row.n for row in half.rows} == {4}
    with (zoo.reports / "latency.partial.jsonl").open("a") as file:
        file.write('{"round": {"half a li')
    monkeypatch.setattr(benchmarks.latency.measure, "_block", loaded)
    del blocks[:]
    report = run_latency(options)
    assert len(blocks) == 2 * 8
    assert {row.n for row in report.rows} == {8}
    assert report.finished
    assert not (zoo.reports / "latency.partial.jsonl").exists()
    run_latency(options)
    assert len(blocks) == (2 + 4) * 8, "a finished run is measured anew"


def test_an_interrupted_run_with_other_settings_starts_over(zoo, options, blocks, fake_cold_start, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    for other in (replace(options, timing=replace(options.timing, queries=16)), replace(options, fresh=True)):
        with monkeypatch.context() as patch:
            patch.setattr(benchmarks.latency.measure, "cold_start", interrupt)
            with pytest.raises(KeyboardInterrupt):
                run_latency(options)
        assert (zoo.reports / "latency.partial.jsonl").exists()
        del blocks[:]
        run_latency(other)
        assert len(blocks) == 4 * 8


def test_real_runtimes(zoo, options, fake_cold_start):
    report = run_latency(options)
    assert len(report.rows) == 8
    for row in report.rows:
        assert row.runtime == "onnxruntime"
        assert 0 < row.p50_ms <= row.p90_ms <= row.p99_ms
        assert row.n == 8


def test_broken_artifacts_do_not_stop_the_others(zoo, options, fake_cold_start):
    (zoo.artifacts / "linear/model.fp16.onnx").write_bytes(b"not a model")
    zoo.add("onnx", "fp16", "linear/model.fp16.onnx")
    with (zoo.artifacts / "linear/model.int8.onnx").open("ab") as file:
        file.write(b"x")
    report = run_latency(options)
    assert {row.path for row in report.rows} == {"linear/model.fp32.onnx"}
    assert set(report.errors) == {"linear/model.fp16.onnx", "linear/model.int8.onnx"}
    assert "sha256 differs" in report.errors["linear/model.int8.onnx"]
    assert set(fake_cold_start) == {"model.fp32.onnx"}


def test_a_candidate_that_fails_later_is_dropped(zoo, options, blocks, fake_cold_start, monkeypatch):
    loaded = benchmarks.latency.measure._block

    def failing(artifact, options, candidate, *rest):
        block = loaded(artifact, options, candidate, *rest)

        def fail(**limits):
            if "int8" in candidate.path and candidate.batch == 4 and len(blocks) > 10:
                raise RuntimeError("out of something\nand more lines")
            return block(**limits)

        return fail

    monkeypatch.setattr(benchmarks.latency.measure, "_block", failing)
    report = run_latency(options)
    assert {(row.path, row.batch) for row in report.rows} == {
        ("linear/model.fp32.onnx", 1),
        ("linear/model.fp32.onnx", 4),
        ("linear/model.int8.onnx", 1),
    }
    assert report.errors["linear/model.int8.onnx"].endswith("failed: out of something")


def test_cold_start_in_a_process_of_its_own(zoo):
    found = benchmarks.latency.measure.cold_start(zoo.artifacts / "linear/model.fp32.onnx", 1, bytes(48 * 48))
    parts = ("python_ms", "import_ms", "load_ms", "answer_ms")
    assert all(getattr(found, part) > 0 for part in parts)
    assert found.cold_start_ms == pytest.approx(sum(getattr(found, part) for part in parts))
    assert found.peak_memory_bytes > 10_000_000


def test_cold_start_does_not_count_the_memory_of_its_parent(zoo):
    ballast = np.ones(80_000_000)  # 640 MB
    found = benchmarks.latency.measure.cold_start(zoo.artifacts / "linear/model.fp32.onnx", 1, bytes(48 * 48))
    assert found.peak_memory_bytes < ballast.nbytes


def test_a_failed_cold_start_says_why(zoo, options, blocks):
    (zoo.artifacts / "linear/model.int8.onnx").write_bytes(b"not a model")
    zoo.add("onnx", "int8", "linear/model.int8.onnx")
    report = run_latency(replace(options, timing=replace(options.timing, cold_starts=1)))
    assert [start.path for start in report.cold_starts] == ["linear/model.fp32.onnx"]
    assert "damaged" in report.errors["linear/model.int8.onnx"]


def test_roofline_is_the_time_of_the_multiplications_at_the_peak(zoo, options, blocks, fake_cold_start):
    row = run_latency(options).rows[0]
    assert row.roofline_ms == pytest.approx(16128 / 100e9 * 1e3)
    assert row.times_roofline == pytest.approx(row.p50_ms / row.roofline_ms)
