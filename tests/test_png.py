"""Plots as small PNG files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from fer_zoo.png import save_png


def test_a_figure_keeps_its_colours_in_a_third_of_the_bytes(tmp_path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4, 3), layout="constrained")
    axes = figure.subplots()
    for power in range(1, 6):
        axes.plot(np.linspace(0, 1, 50) ** power, label=f"to the power of {power}")
    axes.legend()
    save_png(figure, tmp_path / "small.png", dpi=100)
    save_png(figure, tmp_path / "again.png", dpi=100)
    figure.savefig(tmp_path / "full.png", dpi=100)
    small, full = (np.asarray(Image.open(tmp_path / f"{name}.png").convert("RGB"), int) for name in ("small", "full"))
    assert small.shape == full.shape == (300, 400, 3)
    assert np.abs(small - full).mean() < 0.5
    assert (tmp_path / "small.png").stat().st_size < 0.5 * (tmp_path / "full.png").stat().st_size
    assert (tmp_path / "small.png").read_bytes() == (tmp_path / "again.png").read_bytes()


def test_a_logarithmic_axis_has_powers_and_other_texts_no_formulas(tmp_path: Path) -> None:
    from matplotlib.figure import Figure

    def written(formula: bool) -> np.ndarray:
        figure = Figure(figsize=(4, 3), layout="constrained")
        axes = figure.subplots()
        axes.plot([1, 2], [1e-6, 1])
        axes.set_yscale("log")
        axes.set_title("$x$" if formula else "plain")
        path = tmp_path / "log.png"
        save_png(figure, path, dpi=100)
        assert {label.get_parse_math() for label in axes.get_yticklabels()} == {True}
        assert not axes.title.get_parse_math()
        return np.asarray(Image.open(path).convert("L"))

    # As formulas the labels are short; with `$\\mathdefault{10^{-6}}$` spelled out half of the width was theirs.
    columns = (written(formula=True)[40:-40] < 100).mean(0)
    assert np.argmax(columns > 0.9) < 80
