"""The picture of the runtimes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .rows import RuntimesReport

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_runtimes(report: RuntimesReport) -> Figure | None:
    """A map of files and runtimes: the lower the agreement, the darker; grey where a file is refused."""
    from matplotlib.colors import ListedColormap
    from matplotlib.figure import Figure

    rows = [row for row in report.rows if row.status not in ("not installed", "compiled")]
    if not rows:
        return None
    runtimes = list(dict.fromkeys(row.runtime for row in rows))
    files = list(dict.fromkeys(row.file.name for row in sorted(rows, key=lambda row: row.file.format)))
    shares = np.full((len(files), len(runtimes)), np.nan)
    refused = np.full_like(shares, np.nan)
    for row in rows:
        place = files.index(row.file.name), runtimes.index(row.runtime)
        shares[place] = np.nan if row.lowest_agreement is None else row.lowest_agreement
        refused[place] = 1.0 if row.status == "refused" else np.nan
    figure = Figure(figsize=(2.6 + 0.42 * len(runtimes), 1.8 + 0.2 * len(files)), layout="constrained")
    axes = figure.subplots()
    axes.imshow(refused, cmap=ListedColormap(["#cccccc"]), aspect="auto")
    image = axes.imshow(shares, cmap="inferno", vmin=0.8, vmax=1.0, aspect="auto")
    for (y, x), share in np.ndenumerate(shares):
        if np.isfinite(share) and share < 0.9995:
            axes.text(
                x, y, f"{100 * share:.1f}", ha="center", va="center", fontsize=5, color="w" if share < 0.93 else "k"
            )
    axes.set_xticks(range(len(runtimes)), runtimes, rotation=55, ha="right", rotation_mode="anchor", fontsize=7)
    axes.set_yticks(range(len(files)), files, fontsize=6)
    figure.colorbar(image, label="agreement, the lower of one image and eight", shrink=0.6, extend="min")
    axes.set_title("agreement with the zoo's own runtime; grey: refused", fontsize=9)
    return figure
