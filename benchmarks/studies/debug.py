"""Where a quantized graph departs from float, tensor by tensor: `python -m benchmarks debug MODEL`.

Names do not tell which tensors belong together, since quantizers fuse and rename; values do. Every tensor of the float
graph is paired with the one of the same shape that is most like it, in an order both graphs share.
"""

from __future__ import annotations

import argparse
import math
import sys
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from fer_zoo import console
from fer_zoo.console import out
from fer_zoo.data import load_dataset
from fer_zoo.errors import FerZooError, UsageError
from fer_zoo.files import atomic_path, write_json, write_text
from fer_zoo.packages import require
from fer_zoo.tables import print_table
from fer_zoo.zoo import Artifact, artifact_path, artifacts_dir, find_artifact, find_file, load_manifest

from ..options import reports_folder
from .float32 import float32_file
from .tensors import Tensor, tensors_of

_MAX_DB = 120.0  # Float rounding; beyond that two tensors are equal.
_BLUE, _RED = "#0072b2", "#c00000"
_LEAST_DB = 3.0  # Below that two tensors have nothing to do with each other.


@dataclass(frozen=True)
class Pair:
    """A tensor of the float graph and what became of it.

    Attributes:
        name: In the float graph.
        operation: That made it there.
        quantized_name: In the quantized graph.
        shape: Of one image.
        snr_db: Signal over difference in decibels.
        cosine: Of the angle between the two, -1..1.
        added: Power of the difference over that of the signal, more than in the pair before: where it is large, the
            graph departs.
    """

    name: str
    operation: str
    quantized_name: str
    shape: tuple[int, ...]
    snr_db: float
    cosine: float
    added: float


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks debug",
        description="Compare the tensors inside a quantized graph with those of its float32 file.",
    )
    parser.add_argument("model", help="quantized file of the zoo as NAME:FORMAT:PRECISION, or a .onnx or .tflite file")
    parser.add_argument("--against", type=Path, metavar="FILE", help="float32 file (default: the model's own)")
    parser.add_argument("--images", type=int, default=32, metavar="N", help="test images to run (default: 32)")
    parser.add_argument("--data", type=Path, help="FER2013 as a folder, zip or CSV (default: the bundled test images)")
    parser.add_argument("--output", type=Path, metavar="FOLDER", help="default: reports in the artifacts folder")
    given = parser.parse_args(arguments)
    if given.images < 1:
        raise UsageError(f"--images is {given.images}; it must be at least 1")
    quantized, entry = _quantized_file(given.model)
    require("onnx" if quantized.suffix == ".onnx" else "ai_edge_litert", "matplotlib")
    images = load_dataset(given.data).subset("public_test").images
    chosen = images[np.linspace(0, len(images) - 1, min(given.images, len(images))).astype(int)]
    batch = chosen[..., None].astype(np.float32)
    with _float_file(entry, given.against) as full:
        pairs = pair_tensors(tensors_of(full, batch), tensors_of(quantized, batch))
    folder = given.output or reports_folder(artifacts_dir())
    stem = f"debug-{quantized.parent.name}-{quantized.name.replace('.', '-')}"
    report = {"model": str(given.model), "images": len(batch), "pairs": [asdict(pair) for pair in pairs]}
    write_json(folder / f"{stem}.json", report)
    _plot(folder / f"{stem}.png", pairs, quantized.name)
    write_text(folder / f"{stem}.md", _page(given.model, len(batch), pairs, f"{stem}.png"))
    _show(pairs)
    out.print(_departure(pairs).replace("**", ""), markup=False)
    out.print(f"report: {folder / f'{stem}.md'}", markup=False)
    return 0


def pair_tensors(full: list[Tensor], quantized: list[Tensor]) -> list[Pair]:
    """Pair the tensors of two graphs: the pairing in the order of both that is most alike in total.

    Values are compared up to a factor for each channel, since scales may be moved from one layer into the next before
    quantization; the last tensor as it is.

    Args:
        full: Of the float graph.
        quantized: Of the other.

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


def _quantized_file(model: str) -> tuple[Path, Artifact | None]:
    """The file that the argument names or is, and its entry in the manifest, `None` for a file of one's own."""
    root, path = artifacts_dir(), Path(model)
    if not path.is_file():
        return find_file(model), find_artifact(model, load_manifest(root))
    return path, next((a for a in load_manifest(root) if path.resolve() == artifact_path(a, root).resolve()), None)


def _float_file(entry: Artifact | None, against: Path | None) -> AbstractContextManager[Path]:
    """The float32 file to compare with: `against`, else that of the same model and format in the zoo."""
    if against is None:
        if entry is None:
            raise UsageError("the model is not one of the zoo; give its float32 file with --against")
        return float32_file(entry.model, entry.format)
    if not against.is_file():
        raise UsageError(f"there is no file {against}")
    return nullcontext(against)


def _departure(pairs: list[Pair]) -> str:
    worst = max(pairs, key=lambda pair: pair.added)
    return (
        f"Most noise is added at **{worst.name}** ({worst.operation}): {100 * worst.added:.2f} % of the signal's "
        f"power, which leaves a signal-to-noise ratio of {worst.snr_db:.1f} dB. The last tensor has "
        f"{pairs[-1].snr_db:.1f} dB."
    )


def _page(model: str, images: int, pairs: list[Pair], plot: str) -> str:
    lines = [
        f"# Quantization noise in {model}",
        "",
        f"Each tensor of the float32 graph beside its counterpart in the quantized one, on {images} images of "
        f"PublicTest. Channels are scaled to fit first, since scales may move between layers. {_departure(pairs)}",
        "",
        f"![Signal over difference]({plot})",
        "",
        "| tensor | operation | shape | SNR, dB | noise added | cosine |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    return "\n".join([*lines, *(f"| {' | '.join(_cells(pair))} |" for pair in pairs)]) + "\n"


def _cells(pair: Pair) -> list[str]:
    shape = "x".join(map(str, pair.shape))
    return [pair.name, pair.operation, shape, f"{pair.snr_db:.1f}", f"{100 * pair.added:.3f} %", f"{pair.cosine:.6f}"]


def _show(pairs: list[Pair]) -> None:
    from rich.table import Table

    table = Table("tensor", "operation", "shape", "SNR, dB", "noise added", "cosine", box=None, pad_edge=False)
    worst = max(pairs, key=lambda pair: pair.added)
    for pair in pairs:
        table.add_row(*_cells(pair), style="yellow" if pair is worst else None)
    print_table(table, optional=["cosine"])


def _plot(path: Path, pairs: list[Pair], name: str) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(max(8, 2 + 0.45 * len(pairs)), 6), layout="constrained")
    signal, noise = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    places = range(len(pairs))
    worst = max(places, key=lambda place: pairs[place].added)
    # Beyond 60 dB a difference is far below one step of eight bits.
    heights = [min(pair.snr_db, 60) for pair in pairs]
    signal.plot(places, heights, "o-", color=_BLUE)
    signal.plot(worst, heights[worst], "o", color=_RED, markersize=9)
    signal.set_ylim(0, 64)
    signal.set_ylabel("signal over difference, dB")
    noise.bar(places, [100 * pair.added for pair in pairs], color=[_RED if i == worst else _BLUE for i in places])
    noise.set_ylabel("difference added,\n% of the signal's power")
    noise.set_xticks(places, [pair.name for pair in pairs], rotation=60, ha="right", fontsize=8)
    for axes in (signal, noise):
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", color="#dddddd", linewidth=0.6)
        axes.set_axisbelow(True)
    signal.set_title(f"{name}: how far each tensor is from float32; most is lost at the red one", fontsize=11)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=130)


if __name__ == "__main__":
    sys.exit(console.run(main))
