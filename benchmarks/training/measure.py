"""Measures images per second of a training step, of stock Keras and of ours, on every backend."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from fer_zoo.console import progress
from fer_zoo.cpu import has_fast_bfloat16
from fer_zoo.errors import FerZooError

from ..machine import describe, now, run_child
from .rows import RunRow, SpeedRow, StepTimes, TrainingReport
from .step import BATCH, PEAK, VARIANTS

NETWORKS = ("baseline_cnn", "mobilenet-like", "vgg")
ACCURACIES = (0.593, 0.66, 0.70)

_WARMUP_STEPS = 5
_PEAK_SECONDS = 2.0


def measure_training(
    backends: Sequence[str], networks: Sequence[str], rounds: int, seconds: float, runs: Sequence[Path] = ()
) -> TrainingReport:
    """Time every network on every backend, each in a process of its own.

    Args:
        backends: Keras backends that are installed.
        networks: Some of `NETWORKS`.
        rounds: How often each combination is timed; its best round counts.
        seconds: Duration of each timing, after five steps of warm-up.
        runs: Folders of training runs, for the minutes that they took.

    Raises:
        FerZooError: A folder is not a training run, or a process fails.
    """
    rows = [time_to_accuracy(folder) for folder in runs]
    # If bfloat16 is emulated, a step takes minutes, and its time is meaningless.
    precisions = ["float32"] if has_fast_bfloat16() is False else ["float32", "bfloat16"]
    variants = [variant for variant in VARIANTS if _precision(variant) in precisions]
    peaks = {precision: max(_peak(backend, precision) for backend in backends) for precision in precisions}
    candidates = [(network, backend, v) for network in networks for backend in backends for v in variants]
    best: dict[tuple[str, str, str], StepTimes] = {}
    with progress() as bar:
        task = bar.add_task("training steps", total=rounds * len(candidates))
        for _ in range(rounds):
            for candidate in candidates:
                bar.update(task, description=" ".join(candidate))
                times = _step_times(*candidate, seconds)
                best[candidate] = max(best.get(candidate, times), times, key=lambda each: each.images_per_second)
                bar.advance(task)
    speeds = []
    for (network, backend, variant), times in best.items():
        gflops = 6 * times.macs * times.images_per_second / 1e9
        row = SpeedRow(
            **vars(times),
            network=network,
            backend=backend,
            variant=variant,
            speedup=times.images_per_second / best[network, backend, VARIANTS[0]].images_per_second,
            gflops=gflops,
            share_of_peak=gflops / peaks[_precision(variant)],
        )
        speeds.append(row)
    return TrainingReport(now(), describe(), BATCH, peaks, tuple(speeds), tuple(rows))


def time_to_accuracy(folder: Path) -> RunRow:
    """Minutes of training until a run first reached each of `ACCURACIES` on PublicTest.

    Raises:
        FerZooError: `folder` is not a training run, or the run started from trained weights.
    """
    try:
        config = json.loads((folder / "config.json").read_text("utf-8"))
        history = json.loads((folder / "history.json").read_text("utf-8"))
        if started := config["training"].get("warm_start"):
            raise FerZooError(f"{folder} began with the weights of {started}, and does not know the minutes of those")
        minutes: dict[str, float] = {}
        for accuracy in ACCURACIES:
            reached = next((i for i, e in enumerate(history, 1) if e["selection_accuracy"] >= accuracy), None)
            if reached:
                minutes[f"{accuracy:.1%}"] = sum(e["seconds"] for e in history[:reached]) / 60
        return RunRow(
            run=folder.name,
            model=config["model"],
            backend=config["backend"],
            precision=config["training"]["precision"],
            epochs=len(history),
            minutes=sum(e["seconds"] for e in history) / 60,
            best=max(e["selection_accuracy"] for e in history),
            minutes_to=minutes,
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise FerZooError(f"{folder} is not a training run with a history ({error!r})") from error


def _precision(variant: str) -> str:
    return variant.rpartition(" ")[2]


def _peak(backend: str, precision: str) -> float:
    """Billions of operations a second in a matrix product."""
    return json.loads(_last_line(run_child("training.step", backend, PEAK, precision, 0, _PEAK_SECONDS)))["gflops"]


def _step_times(network: str, backend: str, variant: str, seconds: float) -> StepTimes:
    printed = run_child("training.step", backend, network, variant, _WARMUP_STEPS, seconds)
    return StepTimes(**json.loads(_last_line(printed)))


def _last_line(printed: str) -> str:
    return printed.strip().splitlines()[-1]
