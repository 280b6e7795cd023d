"""Evaluates a trained model on labelled images."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from fer_zoo.console import progress
from fer_zoo.contract import EXPRESSIONS, FERPLUS_EXPRESSIONS
from fer_zoo.cpu import cores
from fer_zoo.data import Dataset, TrainingData, copies_of_train, load_labelled, relabelled
from fer_zoo.errors import UsageError
from fer_zoo.evaluation.metrics import Evaluation
from fer_zoo.evaluation.report import evaluate_splits
from fer_zoo.faces.largest import Crop
from fer_zoo.inference import Classifier, load_classifier
from fer_zoo.inference.augmentation import TestTimeAugmentation
from fer_zoo.packages import require
from fer_zoo.training.run_folder import read_config
from fer_zoo.zoo import run_config

# Images between two steps of the progress bar.
_PROGRESS_STEP = 256


def evaluate(
    model: Classifier | str | os.PathLike[str],
    data: Dataset | str | os.PathLike[str] | None = None,
    *,
    ferplus: str | os.PathLike[str] | None = None,
    crop: Crop | None = None,
    batch_size: int | None = None,
    tta: TestTimeAugmentation | None = None,
) -> dict[str, Evaluation]:
    """Measure a model on labelled test images, as `python -m fer_zoo.evaluate` does, without writing a report.

    Args:
        model: A classifier, or the name or file of a model, as `load_classifier` takes it.
        data: A data set with the model's classes, or the path of a folder, zip or CSV, as `load_dataset` takes it;
            `None` is the bundled sample, and for classes of your own the data that the model was trained on.
        ferplus: FER+'s votes, which label the images for a model of its eight expressions; `None` is the bundled file.
        crop: Which images are searched for faces, as `load_dataset` takes it; `None`: as in the model's training.
        batch_size: Images in one call of the runtime; `None` as in `Classifier.predict_proba`.
        tta: Test-time augmentation, as in `Classifier.predict_proba`.

    Returns:
        The metrics of `test` (all test images), and of `public_test` and `private_test` if the data has them.

    Raises:
        UsageError: There is no such model or data, the data has no test images or other classes, or scikit-learn
            is not installed.
        FerZooError: The model or the data cannot be read.

    Examples:
        >>> from fer_zoo import evaluate
        >>> evaluations = evaluate("fernet_nano:onnx:int8", "faces.zip")
        >>> evaluations["test"].n, evaluations["test"].accuracy > 0.5
        (144, True)
    """
    require("sklearn")
    classifier = model if isinstance(model, Classifier) else load_classifier(model, threads=cores())
    if isinstance(data, Dataset):
        dataset = relabelled(data, classifier.labels, ferplus)
    else:
        dataset = images_for(classifier.path, classifier.labels, data, ferplus, crop)
    test = dataset.subset("test")
    trained_on = TrainingData.of_config(run_config(classifier.path.parent))
    copies = copies_of_train(dataset, test, trained_on)
    return evaluate_splits(test, predict(classifier, test, batch_size, tta), copies)


def images_for(
    path: Path,
    labels: tuple[str, ...],
    data: str | os.PathLike[str] | None = None,
    ferplus: str | os.PathLike[str] | None = None,
    crop: Crop | None = None,
) -> Dataset:
    """The images to evaluate a model on, labelled with its classes.

    Args:
        path: The model file; the `config.json` of its run may be beside it.
        labels: The model's classes.
        data: Path of the data set, as `load_dataset` takes it; `None` is the bundled sample, and for classes of your
            own the training data of the run.
        ferplus: FER+'s votes, for a model of its expressions; `None` is the bundled file.
        crop: Which images are searched for faces, as `load_dataset` takes it; `None`: as in the run.

    Raises:
        UsageError: The data has no images of a class, or cannot be used.
        FerZooError: The data cannot be read.
    """
    if data is None and labels not in (EXPRESSIONS, FERPLUS_EXPRESSIONS):
        data = read_config(path.parent).data if (path.parent / "config.json").exists() else None
        if data is None:
            raise UsageError(f"{path} has the classes {', '.join(labels)}; pass --data with images of them")
    training_crop: Crop = run_config(path.parent).get("training", {}).get("crop", "auto")
    return load_labelled(data, labels, ferplus, crop or training_crop)


def predict(
    classifier: Classifier, dataset: Dataset, batch_size: int | None, tta: TestTimeAugmentation | None
) -> np.ndarray:
    """The probabilities of every image, float32 `[n, classes]`, computed under a progress bar."""
    if classifier.prior == "estimate":  # The prior is estimated from all images, not from each part.
        return classifier.predict_proba(dataset.images, batch_size, tta)
    parts = []
    chunk = max(batch_size or _PROGRESS_STEP, 1)
    with progress() as bar:
        task = bar.add_task("predict", total=len(dataset))
        for start in range(0, len(dataset), chunk):
            parts.append(classifier.predict_proba(dataset.images[start : start + chunk], batch_size, tta))
            bar.advance(task, len(parts[-1]))
    return np.concatenate(parts)
