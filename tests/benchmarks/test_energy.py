from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.energy import EnergyMeter


@pytest.fixture
def counters(tmp_path: Path) -> Path:
    """Two packages, one of which has a part that must not count twice."""
    for name in ("intel-rapl:0", "intel-rapl:1", "intel-rapl:0:0", "dtpm"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "energy_uj").write_text("1000000")
        (tmp_path / name / "max_energy_range_uj").write_text("5000000")
    return tmp_path


def test_packages_are_added(counters, monkeypatch):
    clock = iter([10.0, 12.0])
    monkeypatch.setattr("benchmarks.energy.time.perf_counter", lambda: next(clock))

    def work() -> str:
        (counters / "intel-rapl:0" / "energy_uj").write_text("4000000")
        (counters / "intel-rapl:1" / "energy_uj").write_text("500000")  # Went over its largest value.
        (counters / "intel-rapl:0:0" / "energy_uj").write_text("9000000")
        return "done"

    assert EnergyMeter(counters).watch(work) == ("done", pytest.approx((3 + 4.5) / 2))


def test_a_machine_that_does_not_tell(tmp_path):
    meter = EnergyMeter(tmp_path)
    assert not meter.readable
    assert meter.watch(lambda: 7) == (7, None)


def test_a_counter_that_stops_being_readable(counters):
    meter = EnergyMeter(counters)
    assert meter.watch(lambda: (counters / "intel-rapl:0" / "energy_uj").unlink())[1] is None
