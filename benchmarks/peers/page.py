"""`peers.csv`, `peers.md` and `peers.png`, made from `peers.json` alone."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fer_zoo.files import atomic_path, write_text

from ..report.labels import place_labels
from ..report.tables import markdown_table, milliseconds, number, of_earlier_files, percent, plural, points, size
from .verdict import accuracy_of, p50_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Row = dict[str, Any]

_FACTS = ("name", "family", "model", "runtime", "precision", "bytes", "params", "macs", "license", "origin", "seen")
_SEEN = {"no": "", "chosen": " ¹", "unknown": " ²"}
_COLORS = {"ours": "#0072b2", "peer": "#d55e00", "package": "#8c5109"}


def write_peers(folder: Path, report: Row) -> None:
    """Write the table, the page and the plot beside `peers.json`."""
    write_text(folder / "peers.csv", _csv(report))
    with atomic_path(folder / "peers.png") as path:
        _plot(report).savefig(path, dpi=150)
    write_text(folder / "peers.md", to_markdown(report))


def _csv(report: Row) -> str:
    measures = ("batch", "threads", "n", "p50_ms", "p90_ms", "p99_ms", "mean_ms", "images_per_second")
    columns = (*_FACTS, "accuracy", "accuracy_low", "accuracy_high", "macro_f1", "ece", "nll", *measures)
    text = io.StringIO()
    writer = csv.DictWriter(
        text, (*columns, "cold_start_ms", "peak_memory_bytes"), restval="", extrasaction="ignore", lineterminator="\n"
    )
    writer.writeheader()
    for row in report["rows"]:
        low, high = row["evaluation"]["accuracy_interval"]
        known = {k: v for k, v in row.items() if k in _FACTS} | row["evaluation"] | row["cold_start"]
        for latency in row["latency"]:
            writer.writerow(known | {"accuracy_low": low, "accuracy_high": high} | latency)
    return text.getvalue()


def to_markdown(report: Row) -> str:
    """The page."""
    machine, settings = report["machine"], report["settings"]
    batch, threads = report["rows"][0]["latency"][0]["batch"], report["rows"][0]["latency"][0]["threads"]
    setting = f"batch {batch}, {plural(threads, 'thread')}"
    sections = [
        "# Peers, side by side in one run",
        f"Measured {report['finished']} on {machine['cpu']}, {plural(machine['cores'], 'core')}, {machine['os']}, "
        f"commit {machine['commit'] or '-'}; accuracy on the {report['data']['n']:,} test images of "
        f"{report['data']['source']}. Milliseconds belong to "
        "that machine and moment, and what carries over are ratios.",
        _earlier(report["rows"]),
        _busy(machine),
        "## Summary",
        _summary(report, setting),
        "¹ trained on FER2013's train images, but the checkpoint was chosen by its score on these test images, which "
        "flatters it. ² nobody has published what it was trained on: these test images may be among it.",
        "![Accuracy against latency](peers.png)",
        f"## Beside each peer, {setting}",
        _comparison(report),
        "## As their users call them",
        _packages(report),
        "## Latency",
        _latency(report),
        "## How they were loaded",
        "Keras 1 files (HDF5) are rebuilt from the configuration and weights they store and written as ONNX; "
        "TensorFlow.js weights come through a small reader of their manifest, which dequantizes them as TensorFlow.js "
        "does; human's graph model is converted operation by operation, face-api's network, which exists as source "
        "code only, is written down anew; no TensorFlow.js runs here. TensorFlow Lite files run as published in "
        "LiteRT, and as float32 in ONNX Runtime. Faces are resized bilinearly to the peer's own input before the clock "
        "starts, while ours start from 48x48 gray: resizing costs a peer nothing in these tables.",
        _origins(report),
        f"Every row had {settings['warmup_seconds']} s of warm-up, then {settings['queries']:,} queries or "
        f"{settings['seconds']:g} s in {settings['rounds']} rounds, in each of which all take turns in a new order. "
        "p50, p90, p99 are nearest-rank percentiles; cold start is from before a fresh Python process exists to its "
        "first answer, and memory the largest resident memory of that process.",
    ]
    if report["left_out"]:
        sections += ["## Left out", "\n".join(f"- {sentence}" for sentence in report["left_out"])]
    return "\n\n".join(section for section in sections if section) + "\n"


def _earlier(rows: list[Row]) -> str:
    timed = of_earlier_files(rows)
    return timed and f"{timed} Accuracy and size are those of the present files, from [the parity report](report.md)."


def _busy(machine: Row) -> str:
    load = machine["load_average"][0]
    if load < machine["cores"] / 2:
        return ""
    return f"**A busy machine**: {load:.1f} processes were waiting or running when the times were taken."


def _summary(report: Row, setting: str) -> str:
    columns = ["", "runtime", "accuracy", "95 % interval", "macro-F1", "without copies", "size", "parameters", "MMAC"]
    rows = []
    for row in sorted(report["rows"], key=accuracy_of, reverse=True):
        evaluation, cold = row["evaluation"], row["cold_start"]
        low, high = evaluation["accuracy_interval"]
        unseen = evaluation["without_train_copies"] or {}
        rows.append(
            [
                (f"**{row['name']}**" if row["family"] == "ours" else row["name"]) + _SEEN[row["seen"]],
                row["runtime"],
                percent(evaluation["accuracy"]),
                f"{100 * low:.2f} to {100 * high:.2f} %",
                percent(evaluation["macro_f1"]),
                percent(unseen.get("accuracy")),
                size(row["bytes"]),
                f"{row['params']:,}",
                number(row["macs"] / 1e6),
                milliseconds(p50_of(row)),
                milliseconds(cold["cold_start_ms"]),
                size(cold.get("peak_memory_bytes")),
            ]
        )
    return markdown_table([*columns, f"p50, {setting}", "cold start", "memory"], rows)


def _comparison(report: Row) -> str:
    rows = []
    for beside in report["comparison"]:
        fastest, best = beside["at_its_accuracy"], beside["at_its_latency"]
        rows.append(
            [
                beside["peer"],
                percent(beside["accuracy"]),
                milliseconds(beside["p50_ms"]),
                f"{fastest['name']}: {percent(fastest['share'], 0)} of its time" if fastest else "none of ours",
                f"{best['name']}: {points(best['points'])} points" if best else "none of ours",
            ]
        )
    columns = ["peer", "accuracy", "p50", "fastest of ours at its accuracy or better"]
    return markdown_table([*columns, "best of ours at its latency or less"], rows)


def _packages(report: Row) -> str:
    rows = []
    for package in report["packages"]:
        if "skipped" in package:
            rows.append([package["package"], f"skipped: {package['skipped']}", *["-"] * 5])
            continue
        times = package["latency"]
        cells = [milliseconds(times[name]) for name in ("p50_ms", "p90_ms", "p99_ms")]
        cells += [milliseconds(package["cold_start_ms"]), size(package["peak_memory_bytes"])]
        rows.append([f"{package['package']} {package['version']}", f"`{package['call']}`", *cells])
    return markdown_table(["package", "call, one face", "p50", "p90", "p99", "cold start", "memory"], rows)


def _latency(report: Row) -> str:
    rows = [
        [
            row["name"],
            *(str(times[name]) for name in ("batch", "threads")),
            *(milliseconds(times[name]) for name in ("p50_ms", "p90_ms", "p99_ms")),
            number(times["images_per_second"]),
            f"{times['n']:,}",
        ]
        for row in report["rows"]
        for times in row["latency"]
    ]
    return markdown_table(["", "batch", "threads", "p50", "p90", "p99", "images/s", "n"], rows)


def _origins(report: Row) -> str:
    models = {row["model"]: row for row in report["rows"] if row["family"] == "peer"}
    rows = [
        [name, f"{row['size']}x{row['size']}x{row['channels']}", row["origin"], row["license"], row["training"]]
        for name, row in models.items()
    ]
    return markdown_table(["peer", "input", "origin", "license", "training images"], rows)


def _plot(report: Row) -> Figure:
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from matplotlib.ticker import LogLocator

    figure = Figure(figsize=(10, 6), layout="constrained")
    axes = figure.subplots()
    x = [p50_of(row) for row in report["rows"]]
    y = [100 * accuracy_of(row) for row in report["rows"]]
    for row, left, height in zip(report["rows"], x, y, strict=True):
        marker = "^" if row["runtime"] == "litert" else "o"
        axes.plot(left, height, marker, color=_COLORS[row["family"]], markeredgecolor="white", markersize=10, zorder=3)
    # One label for each model, at its fastest file; a dotted line joins its other files.
    texts = [""] * len(x)
    for model in dict.fromkeys(row["model"] for row in report["rows"]):
        mine = sorted((i for i, row in enumerate(report["rows"]) if row["model"] == model), key=x.__getitem__)
        texts[mine[0]] = model
        axes.plot([x[i] for i in mine], [y[i] for i in mine], ":", color="#777777", linewidth=0.8, zorder=2)
    axes.set_xscale("log")
    axes.set_xlim(min(x) / 2.2, max(x) * 2.5)
    axes.set_ylim(min(y) - 3, max(y) + 3)
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.minorticks_off()
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    first = report["rows"][0]["latency"][0]
    axes.set_xlabel(f"p50 in ms, batch {first['batch']}, {plural(first['threads'], 'thread')} (logarithmic)")
    axes.set_ylabel(f"accuracy on {report['data']['n']:,} test images in %")
    axes.set_title("Ours and the published peers: up and to the left is better", fontsize=11)
    marks = [("o", _COLORS["ours"], "ours"), ("o", _COLORS["peer"], "peer")]
    marks += [("o", "#888888", "ONNX Runtime"), ("^", "#888888", "LiteRT")]
    handles = [Line2D([], [], marker=m, color=c, linestyle="", markersize=8, label=label) for m, c, label in marks]
    axes.legend(handles=handles, loc="upper left", bbox_to_anchor=(1, 1), frameon=False, fontsize=9)
    place_labels(axes, x, y, texts, [])
    return figure
