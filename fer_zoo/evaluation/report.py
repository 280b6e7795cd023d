"""The report of an evaluation: JSON, markdown and plots in one folder."""

from __future__ import annotations

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
from fer_zoo.files import atomic_path, write_json, write_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from fer_zoo.data import Dataset

SPLITS = ("test", "public_test", "private_test")


def write_report(
    folder: Path,
    title: str,
    dataset: Dataset,
    probabilities: np.ndarray,
    details: dict[str, str] | None = None,
    trained_on: TrainingData | None = None,
    copies: np.ndarray | None = None,
) -> dict[str, Evaluation]:
    """Evaluate predictions on every test split there is, and write `evaluation.json`, `evaluation.md` and the plots.

    The plots are `confusion.png`, `per_class.png`, `reliability.png`, `predictions.png` and `confused_pairs.png` (not
    there when no image is confused), all of the whole test set.

    Args:
        folder: Made where it does not exist.
        title: Which model this is.
        dataset: The `n` test images.
        probabilities: float `[n, 7]`, in the same order.
        details: More facts for the head of the report, such as the file and the runtime.
        trained_on: The model's training data, where it is recorded. The original project's figures stand beside a model
            of the full FER2013 and its 7,178 test images, nowhere else.
        copies: bool `[n]`, the images that the model has seen in training, of `copies_of_train`.

    Returns:
        The evaluation of `test` (all images), and of `public_test` and `private_test` where the data has them.

    Raises:
        FerZooError: `dataset` has train images, or the two do not fit together.
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
    _save(plot_confusion(whole), folder / "confusion.png")
    _save(plot_per_class(whole, beside_original), folder / "per_class.png")
    _save(plot_reliability(whole), folder / "reliability.png")
    _save(plot_predictions(dataset, probabilities), folder / "predictions.png")
    (folder / "confused_pairs.png").unlink(missing_ok=True)
    if whole.confused_pairs:
        _save(plot_confused_pairs(whole, dataset, probabilities), folder / "confused_pairs.png")
    write_text(folder / "evaluation.md", to_markdown(title, facts, evaluations, beside_original, trained_on))
    return evaluations


def evaluate_splits(
    dataset: Dataset, probabilities: np.ndarray, copies: np.ndarray | None = None
) -> dict[str, Evaluation]:
    """Evaluate predictions on `test`, all images, and on `public_test` and `private_test` where the data has them.

    Args:
        dataset: The `n` test images.
        probabilities: float `[n, 7]`, in the same order.
        copies: bool `[n]`, the images that the model has seen in training; `None` where that is not known.
    """
    evaluations = {}
    for split in SPLITS:
        chosen = np.ones(len(dataset), bool) if split == "test" else dataset.splits == split
        if chosen.any():
            # Without any copy the figure would stand there twice.
            seen = copies[chosen] if copies is not None and copies[chosen].any() else None
            evaluations[split] = evaluate_predictions(probabilities[chosen], dataset.labels[chosen], seen)
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


def _save(figure: Figure, path: Path) -> None:
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=120, metadata={"Software": None})
