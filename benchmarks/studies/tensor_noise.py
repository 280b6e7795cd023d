"""Shows where a quantized graph deviates from the float graph, tensor by tensor.

Tensors are matched by their values, not by their names, since quantizers fuse and rename operations. Every tensor of
the float graph is paired with the most similar one of the same shape, in an order that both graphs share.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fer_zoo.errors import FerZooError
from fer_zoo.png import new_figure, plain_axes

from ..table import Columns, markdown_table
from .graph_tensors import Tensor

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MAX_DB = 120.0  # The level of float rounding errors; above it, two tensors are equal.
_BLUE, _RED = "#0072b2", "#c00000"
_LEAST_DB = 3.0  # Below it, two tensors are unrelated.


@dataclass(frozen=True)
class Pair:
    """A tensor of the float graph and its counterpart in the quantized graph.

    Attributes:
        name: Name in the float graph.
        operation: Operation that computes it in the float graph.
        quantized_name: Name in the quantized graph.
        shape: Shape for one image.
        snr_db: Signal-to-noise ratio in decibels; the noise is the difference of the two.
        cosine: Cosine similarity of the two, -1..1.
        added: Noise power over signal power, minus that of the previous pair: it is large where the graph deviates.
    """

    name: str
    operation: str
    quantized_name: str
    shape: tuple[int, ...]
    snr_db: float
    cosine: float
    added: float


@dataclass(frozen=True)
class NoiseReport:
    """The pairs of one quantized file, named as on the command line, and the number of PublicTest images."""

    model: str
    images: int
    pairs: tuple[Pair, ...]


def pair_tensors(full: list[Tensor], quantized: list[Tensor]) -> list[Pair]:
    """Pair the tensors of two graphs: of all pairings in the order of both, the one with the highest total similarity.

    Values are compared up to a factor for each channel, since scales may be moved from one layer into the next before
    quantization; the last tensor is compared without such factors.

    Args:
        full: Tensors of the float graph.
        quantized: Tensors of the quantized graph.

    Raises:
        FerZooError: The two have no tensor in common.
    """
    likeness = np.zeros((len(full), len(quantized)))
    for i, reference in enumerate(full):
        for j, other in enumerate(quantized):
            if reference.values.shape == other.values.shape:
                likeness[i, j] = snr_db(reference.values, _fitted(reference.values, other.values))
    chosen = [(i, j) for i, j in _aligned(np.maximum(likeness - _LEAST_DB, 0)) if likeness[i, j] > _LEAST_DB]
    if not chosen:
        raise FerZooError("the two graphs have no tensor in common; are they of the same model?")
    pairs: list[Pair] = []
    for i, j in chosen:
        before, after = full[i].values, quantized[j].values
        fitted = after if i == len(full) - 1 else _fitted(before, after)
        ratio = snr_db(before, fitted)
        added = max(0.0, _noise(ratio) - (_noise(pairs[-1].snr_db) if pairs else 0.0))
        facts = (full[i].name, full[i].operation, quantized[j].name, before.shape[1:])
        pairs.append(Pair(*facts, ratio, _cosine(before, fitted), added))
    return pairs


def snr_db(reference: np.ndarray, other: np.ndarray) -> float:
    """Power of `reference` over that of the difference, in decibels, at most 120."""
    signal = float(np.sum(np.square(reference, dtype=np.float64)))
    noise = float(np.sum(np.square(reference - other, dtype=np.float64)))
    if noise <= signal * 10 ** (-_MAX_DB / 10):
        return _MAX_DB
    return 10 * math.log10(max(signal, 1e-30) / noise)


def _noise(decibels: float) -> float:
    return 10 ** (-decibels / 10)


def _fitted(reference: np.ndarray, other: np.ndarray) -> np.ndarray:
    """`other` times the positive factor for each channel (last axis) that brings it nearest to `reference`."""
    axes = tuple(range(other.ndim - 1))
    power = np.sum(np.square(other, dtype=np.float64), axis=axes)
    product = np.sum(reference * other, axis=axes, dtype=np.float64)
    factor = np.where(power > 0, np.maximum(product, 0) / np.maximum(power, 1e-30), 1)
    return other * factor.astype(np.float32)


def _aligned(likeness: np.ndarray) -> list[tuple[int, int]]:
    """The increasing pairs of row and column with the largest sum."""
    rows, columns = likeness.shape
    best = np.zeros((rows + 1, columns + 1))
    for i in range(rows):
        for j in range(columns):
            best[i + 1, j + 1] = max(best[i, j + 1], best[i + 1, j], best[i, j] + likeness[i, j])
    pairs, i, j = [], rows, columns
    while i and j:
        if best[i, j] == best[i - 1, j]:
            i -= 1
        elif best[i, j] == best[i, j - 1]:
            j -= 1
        else:
            i, j = i - 1, j - 1
            pairs.append((i, j))
    return pairs[::-1]


def _cosine(reference: np.ndarray, other: np.ndarray) -> float:
    a, b = reference.ravel().astype(np.float64), other.ravel().astype(np.float64)
    return float(a @ b / max(math.sqrt((a @ a) * (b @ b)), 1e-30))


COLUMNS: Columns[Pair] = [
    ("tensor", lambda pair: pair.name),
    ("operation", lambda pair: pair.operation),
    ("shape", lambda pair: "x".join(map(str, pair.shape))),
    ("SNR, dB", lambda pair: f"{pair.snr_db:.1f}"),
    ("noise added", lambda pair: f"{100 * pair.added:.3f} %"),
    ("cosine", lambda pair: f"{pair.cosine:.6f}"),
]


def departure(pairs: Sequence[Pair]) -> str:
    """A sentence that says where most noise is added."""
    worst = max(pairs, key=lambda pair: pair.added)
    return (
        f"Most noise is added at **{worst.name}** ({worst.operation}): {100 * worst.added:.2f} % of the signal's "
        f"power, which leaves a signal-to-noise ratio of {worst.snr_db:.1f} dB. The last tensor has "
        f"{pairs[-1].snr_db:.1f} dB."
    )


def to_markdown(report: NoiseReport, plot: str) -> str:
    """The page; `plot` is the file name of its picture."""
    sections = [
        f"# Quantization noise in {report.model}",
        f"Each tensor of the float32 graph beside its counterpart in the quantized one, on {report.images} images of "
        "PublicTest. Channels are scaled to fit first, since scales may move between layers. "
        + departure(report.pairs),
        f"![Signal over difference]({plot})",
        markdown_table(COLUMNS, report.pairs),
    ]
    return "\n\n".join(sections) + "\n"


def plot_noise(pairs: Sequence[Pair], name: str) -> Figure:
    """Plot the signal-to-noise ratio of every tensor, and the noise that each adds."""
    figure = new_figure(max(8, 2 + 0.45 * len(pairs)), 6)
    signal, noise = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    x = range(len(pairs))
    worst = max(x, key=lambda i: pairs[i].added)
    # Above 60 dB a difference is far below one step of eight bits.
    heights = [min(pair.snr_db, 60) for pair in pairs]
    signal.plot(x, heights, "o-", color=_BLUE)
    signal.plot(worst, heights[worst], "o", color=_RED, markersize=9)
    signal.set_ylim(0, 64)
    signal.set_ylabel("signal over difference, dB")
    noise.bar(x, [100 * pair.added for pair in pairs], color=[_RED if i == worst else _BLUE for i in x])
    noise.set_ylabel("difference added,\n% of the signal's power")
    noise.set_xticks(x, [pair.name for pair in pairs], rotation=60, ha="right", fontsize=8)
    for axes in (signal, noise):
        plain_axes(axes, grid="y")
    signal.set_title(f"{name}: how far each tensor is from float32; most is lost at the red one", fontsize=11)
    return figure
