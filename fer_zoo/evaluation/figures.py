"""The figures of an evaluation report; each function draws one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fer_zoo.evaluation import original
from fer_zoo.evaluation.metrics import CalibrationBin, Evaluation
from fer_zoo.png import new_figure, plain_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from fer_zoo.data import Dataset

_BLUE, _GRAY, _RED = "#3b6ea8", "#b8bec6", "#c0504d"
_PAIRS, _FACES = 6, 8
_ROWS = 4


def plot_confusion(evaluation: Evaluation) -> Figure:
    """The confusion matrix twice: counts, and shares of each labelled expression."""
    counts = np.array(evaluation.confusion)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure = new_figure(13, 6)
    left, right = figure.subplots(1, 2)
    names = list(evaluation.per_class)
    texts = [[f"{count:,}" for count in row] for row in counts]
    _matrix(left, counts, counts.max(), texts, names, "Images")
    texts = [[f"{share:.0%}" for share in row] for row in shares]
    _matrix(right, shares, 1, texts, names, "Share of the labelled expression")
    left.set_ylabel("label")
    return figure


def plot_per_class(evaluation: Evaluation, beside_original: bool) -> Figure:
    """F1 of each expression; with `beside_original`, beside the original project's F1."""
    figure = new_figure(10, 4.5)
    axes = figure.subplots()
    x = np.arange(len(evaluation.per_class))
    series = [
        (-0.2, original.PER_CLASS, _GRAY, original.NAME),
        (0.2, evaluation.per_class, _BLUE, "this model"),
    ]
    if not beside_original:
        series = [(0.0, evaluation.per_class, _BLUE, "this model")]
    for offset, measures, color, label in series:
        heights = [measures[name]["f1"] for name in evaluation.per_class]
        bars = axes.bar(x + offset, heights, 0.38, color=color, label=label)
        axes.bar_label(bars, fmt="{:.2f}", fontsize=9, padding=2)
    names = [f"{name}\n{evaluation.per_class[name]['support']:,} images" for name in evaluation.per_class]
    axes.set_xticks(x, names, rotation=_rotation(names, 110))
    axes.set(ylim=(0, 1.06), ylabel="F1", title="F1 of each expression")
    plain_axes(axes)
    axes.legend(frameon=False, ncols=2, loc="upper left")
    return figure


def plot_reliability(evaluation: Evaluation) -> Figure:
    """Accuracy against confidence in the bins of the calibration error; below it, the number of images in each bin."""
    figure = new_figure(6, 7)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    upper.plot((0, 1), (0, 1), "--", color="black", linewidth=1, label="perfectly calibrated")
    bins = [bin for bin in evaluation.calibration if bin.count]
    _bars(upper, bins, [bin.accuracy for bin in bins], color=_BLUE, label="accuracy")
    gaps = [abs(bin.confidence - bin.accuracy) for bin in bins]
    bottoms = [min(bin.confidence, bin.accuracy) for bin in bins]
    _bars(upper, bins, gaps, bottom=bottoms, color=_RED, alpha=0.35, label="gap to the mean confidence")
    upper.set(ylim=(0, 1), ylabel="accuracy", title=f"Calibration: ECE {evaluation.ece:.3f}, {evaluation.n:,} images")
    upper.yaxis.set_major_formatter("{x:.0%}")
    upper.legend(frameon=False, loc="upper left")
    _bars(lower, bins, [bin.count for bin in bins], color=_GRAY)
    lower.set(xlim=(0, 1), xlabel="confidence (highest probability)", ylabel="images")
    lower.xaxis.set_major_formatter("{x:.0%}")
    for axes in (upper, lower):
        plain_axes(axes)
    return figure


def plot_confused_pairs(evaluation: Evaluation, dataset: Dataset, probabilities: np.ndarray) -> Figure:
    """The most frequent confusions, with the misclassified faces of the highest confidence.

    Args:
        evaluation: Evaluation of the same images; at least one of them is misclassified.
        dataset: `n` images.
        probabilities: float `[n, classes]`.
    """
    names = list(evaluation.per_class)
    pairs = evaluation.confused_pairs[:_PAIRS]
    predictions, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    figure = new_figure(1.3 * _FACES + 2, 1.5 * len(pairs) + 0.6)
    figure.suptitle("Most confused pairs: label → prediction, and the surest mistakes with their probability")
    side, gap = dataset.images.shape[1], 6
    # One axes for a whole pair: matplotlib needs seconds for one axes for each face.
    for axes, pair in zip(figure.subplots(len(pairs), 1, squeeze=False)[:, 0], pairs, strict=True):
        wrong = (dataset.labels == names.index(pair.true)) & (predictions == names.index(pair.predicted))
        surest = np.flatnonzero(wrong)[np.argsort(-confidence[wrong], kind="stable")]
        row = np.full((side, _FACES * (side + gap) - gap), 255, np.uint8)
        for column, index in enumerate(_distinct(dataset.images, surest)):
            left = column * (side + gap)
            row[:, left : left + side] = dataset.images[index]
            axes.text(left + side / 2, -2, f"{confidence[index]:.2f}", fontsize=9, ha="center", va="bottom")
        axes.imshow(row, cmap="gray", vmin=0, vmax=255)
        axes.set_axis_off()
        label = f"{pair.true} → {pair.predicted}\n{pair.count:,} images\n{pair.share:.0%} of {pair.true}"
        axes.text(-gap, side / 2, label, ha="right", va="center")
    return figure


def plot_predictions(dataset: Dataset, probabilities: np.ndarray) -> Figure:
    """A sample of the faces, each with the predicted expression and its probability, and the label of wrong ones.

    Args:
        dataset: `n` images.
        probabilities: float `[n, classes]`.
    """
    chosen = np.sort(np.random.default_rng(0).permutation(len(dataset))[: _ROWS * _FACES])
    side, width, height = dataset.images.shape[1], 60, 72
    grid = np.full((_ROWS * height, _FACES * width), 255, np.uint8)
    figure = new_figure(1.3 * _FACES, 1.6 * _ROWS + 0.4)
    axes = figure.subplots()
    for number, index in enumerate(chosen):
        top, left = number // _FACES * height, number % _FACES * width
        grid[top : top + side, left : left + side] = dataset.images[index]
        label, predicted = dataset.labels[index], int(probabilities[index].argmax())
        text = f"{dataset.expressions[predicted]} {probabilities[index, predicted]:.0%}"
        if label != predicted:
            text += f"\nlabel: {dataset.expressions[label]}"
        color = "black" if label == predicted else _RED
        axes.text(left + side / 2, top + side + 1, text, fontsize=8, ha="center", va="top", color=color)
    axes.imshow(grid, cmap="gray", vmin=0, vmax=255)
    axes.set_axis_off()
    figure.suptitle("Predicted expression and its probability; red where the label is another")
    return figure


def _distinct(images: np.ndarray, order: np.ndarray) -> list[int]:
    """The first indices in `order` without exact copies, of which FER2013 has many; at most as many as fit in a row."""
    first = {images[index].tobytes(): int(index) for index in order[::-1]}
    return [int(index) for index in order if first[images[index].tobytes()] == index][:_FACES]


def _matrix(axes: Axes, values: np.ndarray, top: float, texts: list[list[str]], names: list[str], title: str) -> None:
    axes.imshow(values, cmap="Blues", vmin=0, vmax=top)
    for (row, column), value in np.ndenumerate(values):
        color = "white" if value > top / 2 else "black"
        axes.text(column, row, texts[row][column], ha="center", va="center", color=color)
    axes.set_xticks(range(len(names)), names, rotation=_rotation(names, 60))
    axes.set_yticks(range(len(names)), names)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set(title=title, xlabel="prediction")


def _rotation(names: list[str], room: int) -> int:
    """The angle of names along an axis in degrees: 90 if all together have more letters than `room`, else 0."""
    letters = sum(max(map(len, name.split("\n"))) for name in names)
    return 90 if letters > room else 0


def _bars(axes: Axes, bins: list[CalibrationBin], heights: list[float], **style: Any) -> None:
    edges = [bin.lower for bin in bins]
    axes.bar(edges, heights, [bin.upper - bin.lower for bin in bins], align="edge", edgecolor="white", **style)
