"""The report of an evaluation: JSON, markdown and plots in one folder."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fer_zoo.data.training_data import FER2013, TrainingData, is_fer2013_test
from fer_zoo.errors import FerZooError
from fer_zoo.evaluation import original
from fer_zoo.evaluation.figures import (
    plot_confused_pairs,
    plot_confusion,
    plot_per_class,
    plot_predictions,
    plot_reliability,
)
from fer_zoo.evaluation.markdown import to_markdown
from fer_zoo.evaluation.metrics import Evaluation, evaluate_predictions
from fer_zoo.files import write_json, write_text
from fer_zoo.png import save_png

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from fer_zoo.data import Dataset

SPLITS = ("test", "public_test", "private_test")
PLOTS = ("confusion.png", "per_class.png", "reliability.png", "predictions.png", "confused_pairs.png")


def write_report(
    folder: Path,
    title: str,
    dataset: Dataset,
    probabilities: np.ndarray,
    details: dict[str, str] | None = None,
    trained_on: TrainingData | None = None,
    copies: np.ndarray | None = None,
    plots: Collection[str] = PLOTS,
) -> dict[str, Evaluation]:
    """Evaluate predictions on every test split of the data, and write `evaluation.json`, `evaluation.md` and the plots.

    Args:
        folder: Folder to write to; created if it does not exist.
        title: Name of the model.
        dataset: The `n` test images.
        probabilities: float `[n, classes]`, in the same order.
        details: More facts for the head of the report, such as the file and the runtime.
        trained_on: The model's training data; `None` if it is not recorded. The original project's figures are added
            only for a model trained on the full FER2013 and evaluated on its 7,178 test images.
        copies: bool `[n]`, which images the model has seen in training, as `copies_of_train` returns them.
        plots: Which of `PLOTS` to draw, all for the whole test set; `confused_pairs.png` is not drawn if no image is
            misclassified.

    Returns:
        The evaluation of `test` (all images), and of `public_test` and `private_test` if the data has them.

    Raises:
        FerZooError: `dataset` has train images, or does not match `probabilities`.
    """
    if dataset.has("train"):
        raise FerZooError("train images cannot be part of an evaluation; give dataset.subset('test')")
    if len(probabilities) != len(dataset):
        raise FerZooError(f"{len(dataset)} images need as many rows of probabilities, not {len(probabilities)}")
    evaluations = evaluate_splits(dataset, probabilities, copies)
    whole = evaluations["test"]
    facts = {"data": dataset.source} | (details or {})
    if trained_on:
        facts["training data"] = trained_on.text
    beside_original = is_fer2013_test(dataset) and (trained_on is None or trained_on.kind == FER2013)
    write_json(folder / "evaluation.json", _to_json(title, facts, dataset, evaluations, beside_original))
    draw: dict[str, Callable[[], Figure]] = {
        "confusion.png": lambda: plot_confusion(whole),
        "per_class.png": lambda: plot_per_class(whole, beside_original),
        "reliability.png": lambda: plot_reliability(whole),
        "predictions.png": lambda: plot_predictions(dataset, probabilities),
        "confused_pairs.png": lambda: plot_confused_pairs(whole, dataset, probabilities),
    }
    drawn = [name for name in plots if name != "confused_pairs.png" or whole.confused_pairs]
    for name in PLOTS:
        if name in drawn:
            save_png(draw[name](), folder / name)
        else:
            (folder / name).unlink(missing_ok=True)
    write_text(folder / "evaluation.md", to_markdown(title, facts, evaluations, drawn, beside_original, trained_on))
    return evaluations


def evaluate_splits(
    dataset: Dataset, probabilities: np.ndarray, copies: np.ndarray | None = None
) -> dict[str, Evaluation]:
    """Evaluate predictions on `test` (all images), and on `public_test` and `private_test` if the data has them.

    Args:
        dataset: The `n` test images.
        probabilities: float `[n, classes]`, in the same order.
        copies: bool `[n]`, which images the model has seen in training; `None` if unknown.
    """
    evaluations = {}
    for split in SPLITS:
        chosen = np.ones(len(dataset), bool) if split == "test" else dataset.splits == split
        if chosen.any():
            # Without any copy, the accuracy without copies would be the same figure again.
            seen = copies[chosen] if copies is not None and copies[chosen].any() else None
            evaluations[split] = evaluate_predictions(
                probabilities[chosen], dataset.labels[chosen], dataset.expressions, seen
            )
    return evaluations


def _to_json(
    title: str,
    facts: dict[str, str],
    dataset: Dataset,
    evaluations: dict[str, Evaluation],
    beside_original: bool,
) -> dict[str, Any]:
    return {
        "title": title,
        "details": facts,
        "fingerprint": dataset.fingerprint,
        "splits": {split: evaluation.to_json() for split, evaluation in evaluations.items()},
        **({"original": original.to_json()} if beside_original else {}),
    }
