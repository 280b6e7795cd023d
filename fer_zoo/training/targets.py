"""What a model is taught for each training image: its label, people's votes, other models' answers, or a mixture."""

from __future__ import annotations

import contextlib
import hashlib

import numpy as np

from fer_zoo.console import track
from fer_zoo.data import Dataset
from fer_zoo.data.batches import Batches, one_hot
from fer_zoo.data.copies import pixel_hashes
from fer_zoo.data.dataset import cache_dir
from fer_zoo.data.ferplus import FERPLUS_CLASSES, columns_of, join_ferplus
from fer_zoo.errors import UsageError
from fer_zoo.files import atomic_path
from fer_zoo.inference import Classifier, load_classifier
from fer_zoo.training.config import TrainingConfig


def cleaned(training: Dataset, test: Dataset | None, ferplus: str | None) -> Dataset:
    """Leave out training images that are exact copies of test images, and those that most FER+ voters call no face.

    Args:
        training: The training images.
        test: The test images; `None` where there are none.
        ferplus: A FER+ file; `None` leaves non-faces in.

    Returns:
        The rest, in the same order.
    """
    keep = np.ones(len(training), bool)
    if test is not None:
        keep &= ~np.isin(pixel_hashes(training.images), pixel_hashes(test.images))
    if ferplus:
        votes, _ = join_ferplus(training, ferplus)
        keep &= votes[:, FERPLUS_CLASSES.index("NF")] <= votes.sum(1) / 2
    return training.take(np.flatnonzero(keep))


def targets_of(training: Dataset, config: TrainingConfig) -> np.ndarray:
    """Labels mixed with FER+ vote distributions by the share `config.votes`; an image without votes keeps its label.

    Returns:
        float32 `[n, classes]`.
    """
    targets = one_hot(training.labels, len(training.expressions))
    if not config.votes or config.ferplus is None:
        return targets
    votes = join_ferplus(training, config.ferplus)[0][:, columns_of(training.expressions)]
    total = votes.sum(1, keepdims=True)
    shares = np.where(total > 0, votes / np.maximum(total, 1), targets)
    return ((1 - config.votes) * targets + config.votes * shares).astype(np.float32)


def distilled(batches: Batches, config: TrainingConfig) -> np.ndarray:
    """Targets mixed with the mean answer of `config.teachers` by the share `config.distillation`.

    A teacher sees each view as the student will, and its mirror image too (Beyer et al., 2021, "Knowledge distillation:
    a good teacher is patient and consistent", https://arxiv.org/abs/2106.05237); the temperature is Hinton's.

    Returns:
        float32 `[views, n, classes]`, at least one view.

    Raises:
        UsageError: A teacher has other expressions.
    """
    teachers = [load_classifier(path, threads=2) for path in config.teachers]
    classes = batches.targets.shape[-1]
    for teacher in teachers:
        if len(teacher.labels) != classes:
            raise UsageError(f"{teacher.path} teaches {len(teacher.labels)} expressions, not {classes}")
    result = []
    for view in track(batches.views or [batches.images], "asking the teachers"):
        mean = np.mean([_answer(teacher, view) for teacher in teachers], axis=0)
        flat = mean ** (1 / config.temperature)
        flat /= flat.sum(1, keepdims=True)
        result.append((1 - config.distillation) * batches.targets[0] + config.distillation * flat)
    return np.stack(result).astype(np.float32)


def _answer(teacher: Classifier, images: np.ndarray) -> np.ndarray:
    """Probabilities of images and their mirror images, float32 `[n, classes]`, cached for the next student."""
    key = hashlib.sha256(teacher.path.read_bytes())
    key.update(images.tobytes())
    path = cache_dir() / "answers" / f"{key.hexdigest()[:32]}.npy"
    if path.exists():
        return np.load(path)
    answer = teacher.predict_proba(images, mirrored=True)
    with contextlib.suppress(OSError), atomic_path(path) as temporary, open(temporary, "wb") as file:
        np.save(file, answer)
    return answer
