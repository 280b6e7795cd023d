"""Parity and size of the exported files at a glance."""

from __future__ import annotations

from pathlib import Path

from fer_zoo.png import new_figure, plain_axes, save_png
from fer_zoo.zoo import Artifact


def plot_parity(path: Path, artifacts: list[Artifact]) -> None:
    """Bars of disagreement with the Keras original, mean |Δp| and file size, one bar an artifact, to a PNG."""
    exported = [artifact for artifact in artifacts if artifact.parity][::-1]
    names = [f"{artifact.format} {artifact.precision}" for artifact in exported]
    panels = (
        (
            "Other prediction than the Keras original, %",
            [100 - 100 * a.parity["argmax_agreement"] for a in exported],
            "{:.2f}",
        ),
        ("Mean |Δp|", [a.parity["mean_abs_diff"] for a in exported], "{:.1e}"),
        ("File size, kB", [a.bytes / 1000 for a in exported], "{:.0f}"),
    )
    figure = new_figure(12, 0.6 + 0.45 * len(exported))
    for axes, (title, values, number_format) in zip(figure.subplots(1, 3, sharey=True), panels, strict=True):
        bars = axes.barh(names, values, color=["C1" if "int8" in name else "C0" for name in names])
        axes.bar_label(bars, [number_format.format(value) for value in values], padding=3)
        axes.set_title(title, fontsize=10)
        axes.set_xlim(0, 1.25 * max(values) or 1)
        plain_axes(axes)
    save_png(figure, path)
