"""The table, page and plot of the quantizers of one model, from their rows alone."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fer_zoo.files import atomic_path, write_csv, write_json, write_text

# An int8 file is taken for being small: a quarter of float32, and what scales and the graph need.
_MAX_SHARE = 0.31


@dataclass(frozen=True)
class Row:
    """One quantizer, measured against the Keras original on PublicTest.

    Attributes:
        name: Of the quantizer.
        format: `onnx` or `tflite`.
        ours: Whether `python -m export` works this way.
        remark: What the quantizer tells of its choice, or why it failed.
        bytes: File size.
        share: Of the float32 file of that format.
        accuracy_delta: Candidate minus original, -1..1.
        accuracy_delta_low: Of its 95 % paired interval.
        accuracy_delta_high: Of its 95 % paired interval.
        mcnemar_p: Exact, two-sided.
        agreement: Share of images with the same answer.
        kl: Mean divergence from the original, in nats.
        mean_abs_diff: Mean |Δp|.
    """

    name: str
    format: str
    ours: bool
    remark: str
    bytes: int
    share: float
    accuracy_delta: float
    accuracy_delta_low: float
    accuracy_delta_high: float
    mcnemar_p: float
    agreement: float
    kl: float
    mean_abs_diff: float


def write_report(folder: Path, report: dict[str, Any], rows: list[Row], failed: list[str]) -> str:
    """Write `<model>.json`, and from it `.csv`, `.png` and `.md`.

    Args:
        folder: Where to.
        report: Of which model and images, with `model`, `n` and `calibration_images`.
        rows: At least one.
        failed: A sentence for each quantizer that made nothing.

    Returns:
        The page.
    """
    name = report["model"]
    write_rows(folder, report, rows, failed)
    write_csv(folder / f"{name}.csv", [asdict(row) for row in rows])
    _plot(folder / f"{name}.png", rows)
    page = to_markdown(report, rows, failed)
    write_text(folder / f"{name}.md", page)
    return page


def write_rows(folder: Path, report: dict[str, Any], rows: list[Row], failed: list[str]) -> None:
    """Write `<model>.json`."""
    content = report | {"failed": failed, "rows": [asdict(row) for row in rows]}
    write_json(folder / f"{report['model']}.json", content)


def finished_rows(folder: Path, report: dict[str, Any]) -> dict[tuple[str, str], Row]:
    """Rows of an earlier run of the same model on the same images, by name and format."""
    try:
        content = json.loads((folder / f"{report['model']}.json").read_text())
        if any(content[name] != value for name, value in report.items()):
            return {}
        rows = [Row(**row) for row in content["rows"]]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return {(row.name, row.format): row for row in rows}


def verdict(rows: list[Row], format: str) -> str:
    """Which quantizer to take for `format` and why, in a sentence made from the figures alone.

    Of the files that are small, the one whose probabilities diverge least; a larger file must earn its size.
    """
    mine = [row for row in rows if row.format == format]
    small = sorted((row for row in mine if row.share <= _MAX_SHARE), key=lambda row: row.kl)
    if not small:
        return f"No {format} file is below {100 * _MAX_SHARE:g} % of float32."
    best, *others = small
    text = f"**{format}: {best.name}.** Of the files below {100 * _MAX_SHARE:g} % of float32 it diverges least: "
    text += f"KL {best.kl:.1e}, agreement {100 * best.agreement:.2f} %"
    if others:
        second = others[0]
        text += f"; next is {second.name} with {second.kl:.1e} and {100 * second.agreement:.2f} %"
    larger = [row for row in mine if row.share > _MAX_SHARE and row.kl < best.kl]
    if larger:
        closest = min(larger, key=lambda row: row.kl)
        text += f". Closer, but larger: {closest.name}, KL {closest.kl:.1e} at {100 * closest.share:.0f} % of float32"
    return text + "."


def to_markdown(report: dict[str, Any], rows: list[Row], failed: list[str]) -> str:
    """The page."""
    name = report["model"]
    columns = ("format", "quantizer", "Δ accuracy", "95 % interval", "agreement", "KL", "mean Δp", "kB", "of fp32")
    lines = [
        f"# Quantizers of {name}",
        "",
        f"Against the Keras original on the {report['n']:,} images of PublicTest, calibrated on "
        f"{report['calibration_images']:,} training images; `python -m export compare-quantizers`. Δ accuracy is in "
        "points, its interval paired.",
        "",
        f"| {' | '.join(columns)} |",
        "| --- | --- " + "| ---: " * (len(columns) - 2) + "|",
    ]
    for row in rows:
        label = f"**{row.name}**" if row.ours else row.name
        cells = [
            row.format,
            label + (f" ({row.remark})" if row.remark else ""),
            f"{100 * row.accuracy_delta:+.2f}",
            f"{100 * row.accuracy_delta_low:+.2f} to {100 * row.accuracy_delta_high:+.2f}",
            f"{100 * row.agreement:.2f} %",
            f"{row.kl:.1e}",
            f"{row.mean_abs_diff:.4f}",
            f"{row.bytes / 1000:.1f}",
            f"{100 * row.share:.1f} %",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", f"![agreement and divergence]({name}.png)", ""]
    lines += [f"- {verdict(rows, format)}" for format in ("onnx", "tflite")]
    lines += [f"- Failed: {sentence}" for sentence in failed]
    return "\n".join(lines) + "\n"


def _plot(path: Path, rows: list[Row]) -> None:
    from matplotlib.figure import Figure

    shown = rows[::-1]
    names = [f"{row.name} · {row.format}" for row in shown]
    colors = ["#d55e00" if row.ours else "#0072b2" if row.format == "onnx" else "#56b4e9" for row in shown]
    figure = Figure(figsize=(13, 1.0 + 0.34 * len(rows)), layout="constrained")
    accuracy, other, divergence, size = figure.subplots(1, 4, sharey=True)
    for place, (row, color) in enumerate(zip(shown, colors, strict=True)):
        accuracy.plot([100 * row.accuracy_delta_low, 100 * row.accuracy_delta_high], [place, place], color=color)
        accuracy.plot(100 * row.accuracy_delta, place, "o", color=color)
        divergence.plot(row.kl, place, "o", color=color)
    disagreement = [100 * (1 - row.agreement) for row in shown]
    other.bar_label(other.barh(range(len(shown)), disagreement, color=colors), fmt="%.2f", padding=3, fontsize=8)
    shares = [100 * row.share for row in shown]
    size.bar_label(size.barh(range(len(shown)), shares, color=colors), fmt="%.0f", padding=3, fontsize=8)
    accuracy.axvline(0, color="#666666", linewidth=0.8)
    divergence.set_xscale("log")
    titles = ("change of accuracy, points", "other answer, %", "mean KL, logarithmic", "size, % of float32")
    for axes, title in zip((accuracy, other, divergence, size), titles, strict=True):
        axes.set_title(title, fontsize=10)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="x", color="#dddddd", linewidth=0.6)
        axes.set_axisbelow(True)
    for axes in (other, size):
        axes.set_xlim(0, 1.18 * axes.get_xlim()[1])
    accuracy.set_yticks(range(len(shown)), names, fontsize=9)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=120)
