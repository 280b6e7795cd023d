"""`python -m benchmarks training`: images a second of a training step, stock Keras beside ours, on every backend.

`--runs` adds how many minutes training runs took to reach given accuracies.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from rich.table import Table

from fer_zoo.backend import BACKENDS, require_backends
from fer_zoo.console import HelpFormatter, out, progress, run
from fer_zoo.cpu import has_fast_bfloat16
from fer_zoo.errors import FerZooError
from fer_zoo.files import write_csv, write_json, write_text
from fer_zoo.packages import require
from fer_zoo.tables import print_table
from fer_zoo.zoo import artifacts_dir

from ..machine import describe, now, run_child
from ..options import REPORT_PACKAGES, reports_folder
from .step import BATCH, PEAK, WAYS

Row = dict[str, Any]

NETWORKS = ("baseline_cnn", "mobilenet-like", "vgg")
ACCURACIES = (0.593, 0.66, 0.70)


def main(arguments: list[str]) -> int | None:
    given = _parser().parse_args(arguments)
    backends = require_backends(*given.backends or ())
    require(*REPORT_PACKAGES)
    # Emulated, a step in bfloat16 takes minutes and says nothing.
    precisions = ["float32"] if has_fast_bfloat16() is False else ["float32", "bfloat16"]
    ways = [way for way in WAYS if way.rpartition(" ")[2] in precisions]
    peaks = _peaks(backends, precisions)
    speeds = _measure(backends, given.networks, ways, given.rounds, given.seconds)
    for row in speeds:
        # Forward once, backward twice; each a multiplication and an addition.
        row["gflops"] = 6 * row["macs"] * row["images_per_second"] / 1e9
        row["share_of_peak"] = row["gflops"] / peaks[row["way"].rpartition(" ")[2]]
    report = {
        "schema": 1,
        "when": now(),
        "machine": describe(),
        "batch": BATCH,
        "peak_gflops": peaks,
        "speeds": speeds,
        "runs": [time_to_accuracy(folder) for folder in given.runs],
    }
    write_json(given.output / "training.json", report)
    write_csv(given.output / "training.csv", speeds)
    write_text(given.output / "training.md", to_markdown(report))
    plot(speeds, given.output / "training.png")
    print_table(_table(speeds), optional=["step, p50"])
    out.print(f"report: {given.output / 'training.md'}", markup=False)
    return 0


def _peaks(backends: list[str], precisions: list[str]) -> dict[str, float]:
    """Billions of operations a second in a matrix product on the fastest of the backends, by precision."""
    return {
        precision: max(
            json.loads(run_child("training.step", backend, PEAK, precision, 0, 2.0).strip().splitlines()[-1])["gflops"]
            for backend in backends
        )
        for precision in precisions
    }


def _measure(backends: list[str], networks: list[str], ways: list[str], rounds: int, seconds: float) -> list[Row]:
    """Every combination in a process of its own, all of them once a round, the best round of each kept."""
    candidates = [(network, backend, way) for network in networks for backend in backends for way in ways]
    rows: dict[tuple[str, str, str], Row] = {}
    with progress() as bar:
        task = bar.add_task("training steps", total=rounds * len(candidates))
        for _ in range(rounds):
            for candidate in candidates:
                bar.update(task, description=" ".join(candidate))
                network, backend, way = candidate
                printed = run_child("training.step", backend, network, way, 5, seconds)
                figures = json.loads(printed.strip().splitlines()[-1])
                row = {"network": network, "backend": backend, "way": way, **figures}
                before = rows.get(candidate)
                if before is None or row["images_per_second"] > before["images_per_second"]:
                    rows[candidate] = row
                bar.advance(task)
    for (network, backend, _), row in rows.items():
        row["speedup"] = row["images_per_second"] / rows[network, backend, WAYS[0]]["images_per_second"]
    return list(rows.values())


def time_to_accuracy(folder: Path) -> Row:
    """Minutes of training, evaluation left out, until a run first reached each of `ACCURACIES` on PublicTest.

    Raises:
        FerZooError: `folder` is not a training run.
    """
    try:
        config = json.loads((folder / "config.json").read_text())
        history = json.loads((folder / "history.json").read_text())
        if started := config["training"].get("warm_start"):
            raise FerZooError(f"{folder} began with the weights of {started}, whose minutes it does not tell")
        minutes: dict[str, float | None] = {}
        for accuracy in ACCURACIES:
            reached = next((i for i, e in enumerate(history, 1) if e["selection_accuracy"] >= accuracy), None)
            minutes[f"{accuracy:.1%}"] = reached and sum(e["seconds"] for e in history[:reached]) / 60
        return {
            "run": folder.name,
            "model": config["model"],
            "backend": config["backend"],
            "precision": config["training"]["precision"],
            "epochs": len(history),
            "minutes": sum(e["seconds"] for e in history) / 60,
            "best": max(e["selection_accuracy"] for e in history),
            "minutes_to": minutes,
        }
    except (OSError, ValueError, KeyError) as error:
        raise FerZooError(f"{folder} is not a training run with a history ({error})") from error


def _table(speeds: list[Row]) -> Table:
    """The speeds without the columns that only the page has."""
    table = Table(box=None, pad_edge=False)
    for heading in ("network", "backend", "way"):
        table.add_column(heading, no_wrap=True)
    for heading in ("images/s", "of stock", "step, p50"):
        table.add_column(heading, no_wrap=True, justify="right")
    for row in speeds:
        figures = f"{row['images_per_second']:,.0f}", f"{row['speedup']:.2f}x", f"{row['step_p50_ms']:.0f} ms"
        table.add_row(row["network"], row["backend"], row["way"], *figures)
    return table


def to_markdown(report: Row) -> str:
    """The report as a page."""
    machine = report["machine"]
    lines = [
        "# Training speed",
        "",
        f"Images a second in steps of {report['batch']} by `model.fit`, on {machine['cpu']}, {machine['cores']} cores.",
        "Stock is the published model as Keras compiles it; ours is what `fer_zoo.train` runs. The best of the rounds.",
        "",
        "![images a second](training.png)",
        "",
        *_limits(report),
        "| network | MMAC | backend | way | images/s | of stock | GFLOP/s | of peak | step, p50 | p10 to p90 |",
        "| --- | ---: | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for row in report["speeds"]:
        spread = f"{row['step_p10_ms']:.0f} to {row['step_p90_ms']:.0f} ms"
        lines.append(
            f"| {row['network']} | {row['macs'] / 1e6:.1f} | {row['backend']} | {row['way']} "
            f"| {row['images_per_second']:,.0f} | {row['speedup']:.2f}x "
            f"| {row['gflops']:,.0f} | {row['share_of_peak']:.0%} | {row['step_p50_ms']:.0f} ms | {spread} |"
        )
    if report["runs"]:
        names = list(report["runs"][0]["minutes_to"])
        lines += [
            "",
            "## Time to accuracy",
            "",
            "Minutes of training until PublicTest first reached each accuracy, each run on its own machine and cores.",
            "",
            f"| run | model | backend | precision | epochs | minutes | best | {' | '.join(names)} |",
            f"| --- | --- | --- | --- | ---: | ---: | ---: |{' ---: |' * len(names)}",
        ]
        for row in report["runs"]:
            reached = " | ".join("-" if m is None else f"{m:.1f}" for m in row["minutes_to"].values())
            lines.append(
                f"| {row['run']} | {row['model']} | {row['backend']} | {row['precision']} | {row['epochs']} "
                f"| {row['minutes']:.0f} | {row['best']:.2%} | {reached} |"
            )
    return "\n".join(lines) + "\n"


def _limits(report: Row) -> list[str]:
    """What this machine could do at most, and how many times stock that would be."""
    peaks = report["peak_gflops"]
    if "bfloat16" in peaks:
        fastest, bfloat16 = "bfloat16", f", {peaks['bfloat16']:,.0f} in bfloat16"
    else:
        fastest, bfloat16 = "float32", "; this CPU has no bfloat16 instructions (AVX512-BF16 or AMX)"
    lines = [
        f"Peak is the fastest product of two 2,048² matrices: {peaks['float32']:,.0f} GFLOP/s in float32{bfloat16}. "
        "A step takes six operations for each multiply-accumulate of the network, where convolutions are plain sums; "
        f"at the peak in {fastest}, with nothing else to do, training would be so many times stock's speed. Ours "
        "computes 3x3 convolutions of many channels in float32 by Winograd's tiles, of a quarter to a third of the "
        "products:",
        "",
    ]
    for row in report["speeds"]:
        if row["way"] == WAYS[0]:
            most = peaks[fastest] / row["gflops"]
            lines.append(f"- {row['network']} on {row['backend']}: {most:.1f}x")
    return [*lines, ""]


def plot(speeds: list[Row], path: Path) -> None:
    """Bars of images a second, one panel for each network."""
    from matplotlib.figure import Figure

    from fer_zoo.files import atomic_path

    networks = list(dict.fromkeys(row["network"] for row in speeds))
    backends = list(dict.fromkeys(row["backend"] for row in speeds))
    ways = [way for way in WAYS if any(row["way"] == way for row in speeds)]
    figure = Figure(figsize=(4.2 * len(networks), 3.6), layout="constrained")
    for axes, network in zip(figure.subplots(1, len(networks), squeeze=False)[0], networks, strict=True):
        for offset, way in enumerate(ways):
            rows = {row["backend"]: row for row in speeds if row["network"] == network and row["way"] == way}
            heights = [rows[backend]["images_per_second"] if backend in rows else 0 for backend in backends]
            places = [index + (offset - (len(ways) - 1) / 2) * 0.27 for index in range(len(backends))]
            bars = axes.bar(places, heights, 0.25, label=way)
            labels = [f"{rows[backend]['speedup']:.1f}x" if backend in rows else "" for backend in backends]
            axes.bar_label(bars, labels, fontsize=8)
        axes.set(title=network, xticks=range(len(backends)), xticklabels=backends, ylabel="images/s")
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[0].legend(fontsize=8)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=110, format="png")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks training",
        description="Time training steps: stock Keras beside ours, backend by backend.",
        formatter_class=HelpFormatter,
    )
    parser.add_argument("--backends", nargs="+", choices=BACKENDS, help="else all that are installed")
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--rounds", type=int, default=2, help="each combination is timed once a round")
    parser.add_argument("--seconds", type=float, default=6.0, help="timed, after five steps of warm-up")
    parser.add_argument("--runs", nargs="*", type=Path, default=[], metavar="RUN", help="folders of training runs")
    parser.add_argument("--output", type=Path, default=reports_folder(artifacts_dir()))
    return parser


if __name__ == "__main__":
    sys.exit(run(main))
