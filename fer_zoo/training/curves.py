"""Learning curves."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fer_zoo.png import new_figure, plain_axes, save_png

if TYPE_CHECKING:
    from fer_zoo.training.history import EpochRecord


def plot_curves(history: list[EpochRecord], path: Path) -> None:
    """Plot accuracy and loss by epoch, on training and selection images, the best epoch marked, to a PNG."""
    epochs = [entry.epoch for entry in history]
    best = max(history, key=lambda entry: entry.selection_accuracy)
    fine_tuning = next((entry.epoch for entry in history if entry.phase == "fine-tuning"), None)
    marker = "o" if len(history) == 1 else None  # A line through one point is invisible.
    figure = new_figure(10, 4)
    for axes, measure, title in zip(figure.subplots(1, 2), ("accuracy", "loss"), ("Accuracy", "Loss"), strict=True):
        axes.plot(
            epochs, [getattr(entry, measure) for entry in history], marker=marker, color="C7", label="training batches"
        )
        selection = [getattr(entry, f"selection_{measure}") for entry in history]
        axes.plot(epochs, selection, marker=marker, color="C0", label="selection images")
        axes.plot(
            best.epoch, getattr(best, f"selection_{measure}"), "o", color="C3", label=f"published: epoch {best.epoch}"
        )
        if fine_tuning:
            axes.axvline(fine_tuning - 0.5, color="C7", linestyle=":", label="backbone unfrozen")
        axes.set(title=title, xlabel="epoch")
        plain_axes(axes, grid="both")
        axes.legend(frameon=False)
    figure.axes[0].yaxis.set_major_formatter("{x:.0%}")
    save_png(figure, path)
