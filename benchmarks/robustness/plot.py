"""The pictures of the robustness report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from fer_zoo.contract import EXPRESSIONS
from fer_zoo.png import new_figure, plain_axes

from .corruptions import CORRUPTIONS, SEVERITIES, corrupt
from .rows import PairRow, RobustnessReport, RobustnessRow, Transfer

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_OURS = ("#0072b2", "#56b4e9", "#009e73", "#332288", "#999933", "#000000", "#7fd1b9", "#8a63d2")
_PEERS = ("#d55e00", "#e69f00", "#cc79a7", "#882255", "#aa4466")
_FACES = 8
_PRIOR_MARKERS = {"training": "o", "known": "d", "estimated": "^", "uniform": "s"}


def colors(rows: Sequence[RobustnessRow]) -> dict[str, str]:
    """One colour for each model, cool for ours and warm for peers; files of one model share it."""
    colors: dict[str, str] = {}
    for family, palette in (("ours", _OURS), ("peer", _PEERS)):
        models = dict.fromkeys(row.subject.model for row in rows if row.subject.family == family)
        colors |= {model: palette[i % len(palette)] for i, model in enumerate(models)}
    return {row.name: colors[row.subject.model] for row in rows}


def plot_curves(report: RobustnessReport) -> Figure:
    """Accuracy against severity, a panel for each corruption."""
    figure = new_figure(14, 9)
    panels = figure.subplots(3, 5, sharex=True, sharey=True)
    color = colors(report.rows)
    for axes, name in zip(panels.flat, CORRUPTIONS, strict=True):
        for row in report.rows:
            values = [row.clean_accuracy, *row.corrupted_accuracy[name]]
            style = {"fp32": "-", "int8": "--"}[row.subject.precision] if row.subject.format == "onnx" else ":"
            line = {"color": color[row.name], "linestyle": style, "linewidth": 1.4, "marker": ".", "markersize": 4}
            axes.plot((0, *SEVERITIES), 100 * np.array(values), label=row.name, **line)
        axes.set_title(name, fontsize=10)
        plain_axes(axes, grid="both")
    for axes in panels[-1]:
        axes.set_xticks((0, *SEVERITIES), ["clean", *map(str, SEVERITIES)])
        axes.set_xlabel("severity")
    for axes in panels[:, 0]:
        axes.set_ylabel("accuracy in %")
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False, fontsize=9)
    figure.suptitle(f"Accuracy under corruptions, {report.corrupted_images:,} images", fontsize=12)
    return figure


def plot_examples(images: np.ndarray, face: int) -> Figure:
    """One face under every corruption and severity."""
    figure = new_figure(11.5, 4.8)
    panels = figure.subplots(len(SEVERITIES), len(CORRUPTIONS))
    for column, name in zip(panels.T, CORRUPTIONS, strict=True):
        for axes, severity in zip(column, SEVERITIES, strict=True):
            axes.imshow(corrupt(images[face : face + 1], name, severity)[0], cmap="gray", vmin=0, vmax=255)
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_visible(False)
        column[0].set_title(name.replace(" ", "\n", 1), fontsize=8)
    for axes, severity in zip(panels[:, 0], SEVERITIES, strict=True):
        axes.set_ylabel(severity, rotation=0, ha="right", va="center")
    figure.suptitle("The fifteen corruptions in their five severities", fontsize=11)
    return figure


def plot_mean(report: RobustnessReport) -> Figure:
    """Clean and mean corrupted accuracy of every model."""
    rows = sorted(report.rows, key=lambda row: row.mean_corruption_accuracy)
    color = colors(report.rows)
    figure = new_figure(9, 1.7 + 0.42 * len(rows))
    axes = figure.subplots()
    for i, row in enumerate(rows):
        mean, clean = 100 * row.mean_corruption_accuracy, 100 * row.clean_accuracy
        axes.plot([mean, clean], [i, i], color=color[row.name], linewidth=2, alpha=0.5)
        axes.plot(mean, i, "o", color=color[row.name], markersize=9)
        axes.plot(clean, i, "o", color="white", markeredgecolor=color[row.name], markersize=9)
        axes.text(mean - 0.6, i, f"{mean:.1f}", ha="right", va="center", fontsize=9)
        axes.text(clean + 0.6, i, f"{clean:.1f}", ha="left", va="center", fontsize=9)
    axes.set_yticks(range(len(rows)), [row.name for row in rows])
    axes.margins(x=0.12, y=0.08)
    plain_axes(axes, grid="x")
    axes.set_xlabel("accuracy in %: clean (ring), mean of 15 corruptions in 5 severities (dot)")
    return figure


def plot_transfer(report: RobustnessReport, transfer: Transfer) -> Figure:
    """Accuracy of every model and peer on another data set, with its interval, and with other priors."""
    tints = colors(report.rows)
    names = list(dict.fromkeys(row.model for row in transfer.rows))[::-1]
    figure = new_figure(9, 1.9 + 0.42 * len(names))
    axes = figure.subplots()
    for row in transfer.rows:
        y, accuracy = names.index(row.model), 100 * row.accuracy
        if row.prior == "training":
            axes.plot(
                [100 * end for end in row.accuracy_interval], [y, y], color=tints[row.model], linewidth=2, alpha=0.5
            )
            axes.plot(accuracy, y, "o", color=tints[row.model], markersize=9)
            axes.text(accuracy, y + 0.22, f"{accuracy:.1f}", ha="center", va="bottom", fontsize=8)
        else:
            axes.plot(accuracy, y, _PRIOR_MARKERS[row.prior], color=tints[row.model], markersize=7, fillstyle="none")
    for prior, marker in _PRIOR_MARKERS.items():
        axes.plot([], [], marker, color="#666666", fillstyle="full" if prior == "training" else "none", label=prior)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(-0.6, len(names) - 0.2)
    axes.margins(x=0.08)
    plain_axes(axes, grid="x")
    axes.set_xlabel(f"accuracy in % on {report.data.n:,} images of {report.data.source}; line: 95 % interval")
    figure.legend(title="prior", loc="outside right upper", frameon=False, fontsize=9)
    return figure


def plot_pairs(report: RobustnessReport) -> Figure:
    """How often each model (its float32 file if there is one) and FER+'s raters take one expression for another."""
    exact_last = sorted(report.rows, key=lambda row: row.subject.precision == "fp32")
    rows = list({row.subject.model: row for row in exact_last}.values())
    color = colors(report.rows)
    series = [(row.name, color[row.name], _shares(row)) for row in rows]
    if raters := report.raters:
        shares = [100 * pair.share for pair in raters.pairs] + [100 * raters.recall["disgust"]]
        series.append(("FER+ raters' majority", "#bbbbbb", shares))
    titles = [f"{pair.true}\n→ {pair.predicted}" for pair in rows[0].pairs] + ["disgust\nrecall"]
    figure = new_figure(11, 4.8)
    axes = figure.subplots()
    width = 0.84 / len(series)
    for i, (name, tint, values) in enumerate(series):
        x = np.arange(len(titles)) + (i - (len(series) - 1) / 2) * width
        bars = axes.bar(x, values, width * 0.92, color=tint, label=name)
        axes.bar_label(bars, fmt="%.0f", fontsize=7, padding=1)
    axes.set_xticks(range(len(titles)), titles)
    axes.axvline(len(titles) - 1.5, color="#999999", linewidth=0.8)
    axes.set_ylabel("share of the labelled images in %")
    plain_axes(axes)
    axes.legend(frameon=False, fontsize=8, loc="upper left", ncols=2)
    return figure


def plot_calibration(report: RobustnessReport) -> Figure:
    """Calibration error and cross-entropy, against the labels and against FER+'s votes."""
    rows = report.rows
    figure = new_figure(11, 2.2 + 0.5 * len(rows))
    left, right = figure.subplots(1, 2, sharey=True)
    y = np.arange(len(rows))[::-1]
    for axes, measure, scale in ((left, "ece", 100), (right, "nll", 1)):
        series = [("FER2013's labels", "#0072b2", [scale * getattr(row.evaluation, measure) for row in rows])]
        if rows[0].ferplus:
            series.append(("FER+ votes", "#e69f00", [scale * getattr(row.ferplus, measure) for row in rows]))
        for i, (name, tint, values) in enumerate(series):
            bars = axes.barh(y + 0.2 - 0.4 * i, values, 0.36, color=tint, label=name)
            axes.bar_label(bars, fmt="%.1f" if scale == 100 else "%.2f", fontsize=8, padding=2)
        plain_axes(axes)
        axes.margins(x=0.12)
    if votes := rows[0].ferplus:
        entropy = votes.entropy
        right.axvline(entropy, color="#888888", linestyle=":", linewidth=1, label="the votes' own entropy")
    left.set_yticks(y, [row.name for row in rows])
    left.set_xlabel("expected calibration error in points")
    right.set_xlabel("negative log-likelihood in nats")
    handles, labels = right.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    return figure


def plot_faces(
    images: np.ndarray,
    labels: np.ndarray,
    probabilities: np.ndarray,
    pairs: Sequence[PairRow],
    shares: np.ndarray | None,
    name: str,
) -> Figure | None:
    """The surest mistakes of each pair, with what FER+'s raters saw; `None` where there are none."""
    guess, sure = probabilities.argmax(1), probabilities.max(1)
    confused = [pair for pair in pairs if pair.count]
    if not confused:
        return None
    figure = new_figure(1.35 * _FACES + 2.2, 1.85 * len(confused) + 0.9)
    grid = figure.subplots(len(confused), _FACES, squeeze=False)
    for panels, pair in zip(grid, confused, strict=True):
        true, taken = EXPRESSIONS.index(pair.true), EXPRESSIONS.index(pair.predicted)
        wrong = np.flatnonzero((labels == true) & (guess == taken))
        surest = wrong[np.argsort(-sure[wrong], kind="stable")]
        unique = {images[i].tobytes(): int(i) for i in surest[::-1]}
        chosen = [int(i) for i in surest if unique[images[i].tobytes()] == i][:_FACES]
        for axes in panels:
            axes.set_axis_off()
        for axes, i in zip(panels, chosen, strict=False):
            axes.imshow(images[i], cmap="gray", vmin=0, vmax=255)
            axes.set_title(_caption(sure[i], shares[i] if shares is not None else None), fontsize=7, pad=2)
        text = f"{pair.true} → {pair.predicted}\n{pair.count} of {pair.support:,}"
        panels[0].text(-0.12, 0.5, text, transform=panels[0].transAxes, ha="right", va="center", fontsize=10)
    note = "" if shares is None else "; second line: what FER+'s raters saw"
    figure.suptitle(f"{name}: label → prediction, the surest mistakes with their probability{note}", fontsize=11)
    return figure


def _caption(sure: float, shares: np.ndarray | None) -> str:
    if shares is None or np.isnan(shares[0]):
        return f"{sure:.0%}"
    seen = [f"{EXPRESSIONS[i]} {shares[i]:.0%}" for i in np.argsort(-shares, kind="stable")[:2] if shares[i] > 0]
    return f"{sure:.0%}\n" + ", ".join(seen)


def _shares(row: RobustnessRow) -> list[float]:
    recall = row.evaluation.per_class["disgust"]["recall"]
    return [100 * (pair.share or 0) for pair in row.pairs] + [100 * recall]
