"""The training benchmark: steps are really timed, speed-ups are ratios to stock, minutes come from histories."""

from __future__ import annotations

import json
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from unittest.mock import patch

import pytest

import benchmarks.training.measure
from benchmarks.table import read_record
from benchmarks.training import step as training_step
from benchmarks.training.command import main
from benchmarks.training.measure import time_to_accuracy
from benchmarks.training.page import to_markdown
from benchmarks.training.rows import TrainingReport
from fer_zoo.backend import installed_backends
from fer_zoo.cpu import has_fast_bfloat16
from fer_zoo.errors import FerZooError, UsageError

SMALL_BATCH = 16


def _run(folder: Path, accuracies: list[float]) -> Path:
    folder.mkdir()
    config = {"model": "baseline_cnn", "backend": "jax", "training": {"precision": "float32"}}
    (folder / "config.json").write_text(json.dumps(config))
    history = [{"epoch": i + 1, "seconds": 60.0, "selection_accuracy": a} for i, a in enumerate(accuracies)]
    (folder / "history.json").write_text(json.dumps(history))
    return folder


def test_minutes_to_an_accuracy_are_those_of_the_first_epoch_that_reached_it(tmp_path: Path) -> None:
    row = time_to_accuracy(_run(tmp_path / "run", [0.5, 0.6, 0.55, 0.67]))
    assert row.minutes_to == {"59.3%": 2.0, "66.0%": 4.0}
    assert row.minutes == 4.0
    assert row.best == 0.67


def test_a_folder_that_is_no_run_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(FerZooError, match="is not a training run"):
        time_to_accuracy(tmp_path)


def test_a_run_that_began_with_trained_weights_is_refused(tmp_path: Path) -> None:
    folder = _run(tmp_path / "run", [0.7])
    config = json.loads((folder / "config.json").read_text())
    config["training"]["warm_start"] = "baseline_cnn"
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(FerZooError, match="began with the weights of baseline_cnn"):
        time_to_accuracy(folder)


def test_a_backend_that_is_not_installed_is_a_usage_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("fer_zoo.backend.installed_backends", lambda: ["jax"])
    with pytest.raises(UsageError, match="pip install 'fer-zoo\\[torch\\]'"):
        main(["--backends", "torch", "--output", str(tmp_path)])


def printed_by_step(backend: str, network: str, variant: str, warmup: int, seconds: float) -> str:
    """What `python -m benchmarks.training.step` prints, with batches of an eighth."""
    with redirect_stdout(StringIO()) as printed, patch.object(training_step, "BATCH", SMALL_BATCH):
        training_step.main(backend, network, variant, warmup, seconds)
    return printed.getvalue()


@pytest.mark.slow
def test_it_leaves_json_csv_page_and_plot(tmp_path: Path, on_backend, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = installed_backends()[0]
    run_child = benchmarks.training.measure.run_child
    started: list[str] = []

    def child(module: str, backend: str, network: str, variant: str, warmup: int, seconds: float) -> str:
        """The first in a process of its own, as all are outside of tests; each for a moment."""
        started.append(module)
        if len(started) == 1:
            return run_child(module, backend, network, variant, warmup, 0.2)
        return on_backend(backend, printed_by_step, backend, network, variant, warmup, 0.2)

    monkeypatch.setattr(benchmarks.training.measure, "run_child", child)
    run = _run(tmp_path / "run", [0.7])
    arguments = ["--backends", backend, "--networks", "baseline_cnn", "--rounds", "1", "--seconds", "0.1"]
    main([*arguments, "--runs", str(run), "--output", str(tmp_path)])
    report = read_record(tmp_path / "training.json", TrainingReport)
    emulated = has_fast_bfloat16() is False
    variants = ["stock float32", "ours float32", "ours bfloat16"]
    assert [row.variant for row in report.speeds] == variants[: 2 if emulated else 3]
    assert report.speeds[0].speedup == 1
    assert {row.macs for row in report.speeds} == {21931776}
    for row in report.speeds:
        assert row.gflops == pytest.approx(6 * 21931776 * row.images_per_second / 1e9)
        assert row.share_of_peak == pytest.approx(row.gflops / report.peak_gflops[row.variant.rpartition(" ")[2]])
        assert row.steps >= 5
        assert 0 < row.step_p10_ms <= row.step_p50_ms <= row.step_p90_ms
    assert (tmp_path / "training.md").read_text() == to_markdown(report)
    most = report.peak_gflops["float32" if emulated else "bfloat16"] / report.speeds[0].gflops
    assert f"- baseline_cnn on {backend}: {most:.1f}x" in to_markdown(report)
    assert ("no bfloat16 instructions" in to_markdown(report)) == emulated
    assert len((tmp_path / "training.csv").read_text().splitlines()) == 1 + len(report.speeds)
    assert (tmp_path / "training.png").stat().st_size > 1000
