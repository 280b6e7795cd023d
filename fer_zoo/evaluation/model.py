"""Measuring a trained model on labelled images."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from fer_zoo.console import progress
from fer_zoo.contract import EXPRESSIONS, FERPLUS_EXPRESSIONS
from fer_zoo.cpu import cores
from fer_zoo.data import Dataset, TrainingData, copies_of_train, labelled_as, load_dataset
from fer_zoo.errors import FerZooError
from fer_zoo.evaluation.metrics import Evaluation
from fer_zoo.evaluation.report import evaluate_splits
from fer_zoo.inference import Classifier, load_classifier
from fer_zoo.inference.augmentation import TestTimeAugmentation
from fer_zoo.packages import require
from fer_zoo.zoo import run_config


def evaluate(
    model: Classifier | str | os.PathLike[str],
    data: Dataset | str | os.PathLike[str] | None = None,
    *,
    ferplus: str | os.PathLike[str] | None = None,
    batch_size: int = 256,
    tta: TestTimeAugmentation | None = None,
) -> dict[str, Evaluation]:
    """Measure a model on labelled test images, as `python -m fer_zoo.evaluate` does, without writing a report.

    Args:
        model: A classifier, or what `load_classifier` takes: a name of the zoo or a model file.
        data: A data set, or what `load_dataset` takes: a folder, zip or CSV; `None` is the bundled sample.
        ferplus: FER+'s votes, which label the images for a model of its eight expressions; `None` is the bundled file.
        batch_size: Images in one call of the runtime.
        tta: Test-time augmentation, as in `Classifier.predict_proba`.

    Returns:
        The measures of `test` (all test images), and of `public_test` and `private_test` where the data has them.

    Raises:
        UsageError: There is no such model or data, the data has no test images, or scikit-learn is not installed.
        FerZooError: The model or the data cannot be read, or the model has other classes.

    Examples:
        >>> from fer_zoo import evaluate
        >>> evaluations = evaluate("fernet_nano:onnx:int8", "faces.zip")
        >>> evaluations["test"].n, evaluations["test"].accuracy > 0.5
        (144, True)
    """
    require("sklearn")
    classifier = model if isinstance(model, Classifier) else load_classifier(model, threads=cores())
    dataset = data if isinstance(data, Dataset) else load_dataset(data)
    dataset = labelled_for(classifier, dataset, ferplus)
    test = dataset.subset("test")
    trained_on = TrainingData.of_config(run_config(classifier.path.parent))
    copies = copies_of_train(dataset, test, trained_on)
    return evaluate_splits(test, predict(classifier, test, batch_size, tta), copies)


def labelled_for(classifier: Classifier, dataset: Dataset, ferplus: str | os.PathLike[str] | None) -> Dataset:
    """The images with labels of the expressions of `classifier`.

    Raises:
        UsageError: They need FER+'s votes, which are not there.
        FerZooError: The model has other classes than FER2013 and FER+.
    """
    if classifier.labels not in (EXPRESSIONS, FERPLUS_EXPRESSIONS):
        raise FerZooError(f"{classifier.path} has the classes {', '.join(classifier.labels)}, not FER2013's or FER+'s")
    return labelled_as(dataset, classifier.labels, ferplus if ferplus is None else Path(ferplus))


def predict(classifier: Classifier, dataset: Dataset, batch_size: int, tta: TestTimeAugmentation | None) -> np.ndarray:
    """The probabilities of every image, float32 `[n, classes]`, under a progress bar."""
    if classifier.prior == "estimate":  # From all images, not from each part.
        return classifier.predict_proba(dataset.images, batch_size, tta)
    parts = []
    chunk = max(batch_size, 1)
    with progress() as bar:
        task = bar.add_task("predict", total=len(dataset))
        for start in range(0, len(dataset), chunk):
            parts.append(classifier.predict_proba(dataset.images[start : start + chunk], batch_size, tta))
            bar.advance(task, len(parts[-1]))
    return np.concatenate(parts)
