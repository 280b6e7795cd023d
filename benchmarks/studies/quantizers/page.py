"""The page and the plot of the quantizers of one model, from their rows alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from fer_zoo.png import new_figure, plain_axes, save_png

from ...table import markdown_table
from .rows import QuantizerRow, QuantizerStudy

# An int8 file counts as small up to this share of float32: a quarter, plus the bytes of scales and graph.
_MAX_SHARE = 0.31

_COLUMNS: dict[str, Callable[[QuantizerRow], str]] = {
    "format": lambda row: row.format,
    "quantizer": lambda row: (f"**{row.name}**" if row.ours else row.name) + (f" ({row.remark})" if row.remark else ""),
    "Δ accuracy": lambda row: f"{100 * row.accuracy_delta:+.2f}",
    "95 % interval": lambda row: " to ".join(f"{100 * end:+.2f}" for end in row.accuracy_delta_interval),
    "agreement": lambda row: f"{100 * row.agreement:.2f} %",
    "KL": lambda row: f"{row.kl:.1e}",
    "mean Δp": lambda row: f"{row.mean_abs_diff:.4f}",
    "kB": lambda row: f"{row.bytes / 1000:.1f}",
    "of fp32": lambda row: f"{100 * row.share:.1f} %",
}


def verdict(rows: Sequence[QuantizerRow], format: str) -> str:
    """A sentence that says which quantizer to use for `format` and why, made from the figures only.

    It is the small file whose probabilities diverge least; a larger file must be clearly better.
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


def to_markdown(study: QuantizerStudy, plot: str) -> str:
    """The page; `plot` is the file name of its picture."""
    lines = [f"- {verdict(study.rows, format)}" for format in ("onnx", "tflite")]
    lines += [f"- Failed: {sentence}" for sentence in study.failed]
    sections = [
        f"# Quantizers of {study.model}",
        f"Against the Keras original on the {study.n:,} images of PublicTest, calibrated on "
        f"{study.calibration_images:,} training images; `python -m benchmarks quantizers`. Δ accuracy is in points, "
        "its interval paired.",
        markdown_table(list(_COLUMNS.items()), study.rows, left=["quantizer"]),
        f"![agreement and divergence]({plot})",
        "\n".join(lines),
    ]
    return "\n\n".join(sections) + "\n"


def draw(path: Path, rows: Sequence[QuantizerRow]) -> None:
    """Change of accuracy, disagreement, divergence and size of each quantizer."""
    from_below = rows[::-1]
    names = [f"{row.name} · {row.format}" for row in from_below]
    colors = ["#d55e00" if row.ours else "#0072b2" if row.format == "onnx" else "#56b4e9" for row in from_below]
    figure = new_figure(13, 1.0 + 0.34 * len(rows))
    accuracy, other, divergence, size = figure.subplots(1, 4, sharey=True)
    for y, (row, color) in enumerate(zip(from_below, colors, strict=True)):
        accuracy.plot([100 * end for end in row.accuracy_delta_interval], [y, y], color=color)
        accuracy.plot(100 * row.accuracy_delta, y, "o", color=color)
        divergence.plot(row.kl, y, "o", color=color)
    disagreement = [100 * (1 - row.agreement) for row in from_below]
    other.bar_label(other.barh(range(len(from_below)), disagreement, color=colors), fmt="%.2f", padding=3, fontsize=8)
    shares = [100 * row.share for row in from_below]
    size.bar_label(size.barh(range(len(from_below)), shares, color=colors), fmt="%.0f", padding=3, fontsize=8)
    accuracy.axvline(0, color="#666666", linewidth=0.8)
    divergence.set_xscale("log")
    titles = ("change of accuracy, points", "other prediction, %", "mean KL, logarithmic", "size, % of float32")
    for axes, title in zip((accuracy, other, divergence, size), titles, strict=True):
        axes.set_title(title, fontsize=10)
        plain_axes(axes, grid="x")
    for axes in (other, size):
        axes.set_xlim(0, 1.18 * axes.get_xlim()[1])
    accuracy.set_yticks(range(len(from_below)), names, fontsize=9)
    save_png(figure, path)
