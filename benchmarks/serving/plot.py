"""The picture of the server's benchmark."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fer_zoo.png import new_figure, plain_axes

from .rows import ServingRow

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_serving(rows: Sequence[ServingRow]) -> Figure:
    """Requests a second, and the 99th percentile of their time, of each row."""
    names = [
        f"{row.checkout}, {row.connections} connections"
        + (f", {row.hostile} hostile" if row.hostile else "")
        + (", mixed" if row.mixed else "")
        for row in rows
    ]
    figure = new_figure(9, 1.0 + 0.35 * len(rows))
    rates, times = figure.subplots(1, 2, sharey=True)
    for axes, values, label in (
        (rates, [row.requests_per_second for row in rows], "requests/s"),
        (times, [row.p99_ms for row in rows], "p99, ms"),
    ):
        bars = axes.barh(range(len(rows)), values, color="#4c78a8")
        axes.bar_label(bars, [f"{value:.0f}" for value in values], fontsize=8, padding=2)
        axes.set(xlabel=label, yticks=range(len(rows)), yticklabels=names)
        plain_axes(axes)
    # Hundreds of connections wait a hundred times as long as eight.
    times.set(xscale="log", xlim=(min(row.p99_ms for row in rows) / 3, 2 * max(row.p99_ms for row in rows)))
    rates.invert_yaxis()
    return figure
