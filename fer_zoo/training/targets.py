"""What a model is taught for each training image: its label, people's votes, other models' answers, or a mixture."""

from __future__ import annotations

import contextlib
import hashlib

import numpy as np
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression

from fer_zoo.console import track
from fer_zoo.contract import EXPRESSIONS
from fer_zoo.data import Dataset
from fer_zoo.data.batches import Batches, one_hot
from fer_zoo.data.copies import pixel_hashes
from fer_zoo.data.ferplus import FERPLUS_CLASSES, columns_of, join_ferplus
from fer_zoo.errors import UsageError
from fer_zoo.files import atomic_path, cache_dir
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


def distilled(batches: Batches, config: TrainingConfig, training: Dataset, selection: Dataset) -> np.ndarray:
    """Targets mixed with the mean answer of `config.teachers` by the share `config.distillation`.

    A teacher sees each view as the student will, and its mirror image too (Beyer et al., 2021, "Knowledge distillation:
    a good teacher is patient and consistent", https://arxiv.org/abs/2106.05237); the temperature is Hinton's.

    With `config.votes_teach` their answer is the product of two experts' (Hinton, 2002): theirs and that of FER+'s
    votes, which no student sees, each to the power that fits the selection images best.

    Args:
        batches: Of the training images.
        config: The run's settings.
        training: The images of `batches`, for their names and labels.
        selection: Images that nobody was taught, for the powers.

    Returns:
        float32 `[views, n, classes]`, at least one view.

    Raises:
        UsageError: A teacher has other expressions, votes are to teach FER+'s own, or are of none of the images.
    """
    teachers = [load_classifier(path, threads=2) for path in config.teachers]
    classes = batches.targets.shape[-1]
    for teacher in teachers:
        if len(teacher.labels) != classes:
            raise UsageError(f"{teacher.path} teaches {len(teacher.labels)} expressions, not {classes}")

    def asked(images: np.ndarray) -> np.ndarray:
        return np.mean([_answer(teacher, images) for teacher in teachers], axis=0)

    votes: tuple[np.ndarray, ...] = ()
    powers = np.ones(1)
    if config.votes_teach and config.ferplus:
        if classes != len(EXPRESSIONS):
            raise UsageError("FER+'s eight expressions are what its votes say; leave --votes-teach out")
        of_training, of_selection = votes_answers(config.ferplus, training, selection)
        votes, powers = (of_training,), fit_powers((asked(selection.images), of_selection), selection.labels)
    result = []
    for view in track(batches.views or [batches.images], "asking the teachers"):
        answer = product((asked(view), *votes), powers / config.temperature)
        result.append((1 - config.distillation) * batches.targets[0] + config.distillation * answer)
    return np.stack(result).astype(np.float32)


def votes_answers(ferplus: str, training: Dataset, other: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """What FER+'s votes say about the labels of FER2013, with which their majority agrees on 63 % of the images only.

    Logistic regression on the votes of the training images, fitted to their labels.

    Returns:
        Probabilities of the training images and of `other`, float64 `[n, classes]`; those of an image without votes are
        all alike.
    """
    voted = [join_ferplus(images, ferplus)[0].astype(np.float64) for images in (training, other)]
    totals = [votes.sum(1, keepdims=True) for votes in voted]
    shares = [votes / np.maximum(total, 1) for votes, total in zip(voted, totals, strict=True)]
    features = [np.concatenate([share, np.sqrt(share), share**2, share > 0], axis=1) for share in shares]
    known = totals[0][:, 0] > 0
    model = LogisticRegression(max_iter=2000).fit(features[0][known], training.labels[known])
    classes = len(training.expressions)
    answers = []
    for feature, total in zip(features, totals, strict=True):
        answer = np.zeros((len(feature), classes))
        answer[:, model.classes_] = model.predict_proba(feature)
        answers.append(np.where(total > 0, answer, 1 / classes))
    return answers[0], answers[1]


def fit_powers(answers: tuple[np.ndarray, ...], labels: np.ndarray) -> np.ndarray:
    """The powers, float64 `[experts]`, at which the product of probabilities `[n, classes]` has the lowest loss."""

    def loss(powers: np.ndarray) -> float:
        return -float(np.mean(np.log(product(answers, powers)[np.arange(len(labels)), labels])))

    return minimize(loss, np.full(len(answers), 1 / len(answers)), method="L-BFGS-B", bounds=[(0, 2)] * len(answers)).x


def product(answers: tuple[np.ndarray, ...], powers: np.ndarray) -> np.ndarray:
    """Probabilities, float64 `[n, classes]`, proportional to the product of `answers` to their `powers`."""
    logits = sum(power * np.log(np.maximum(answer, 1e-7)) for answer, power in zip(answers, powers, strict=True))
    weights = np.exp(logits - np.max(logits, axis=1, keepdims=True))
    return weights / weights.sum(1, keepdims=True)


def _answer(teacher: Classifier, images: np.ndarray) -> np.ndarray:
    """Probabilities of images and their mirror images, float32 `[n, classes]`, cached for the next student."""
    key = hashlib.sha256(teacher.path.read_bytes())
    key.update(images.tobytes())
    path = cache_dir() / "answers" / f"{key.hexdigest()[:32]}.npy"
    if path.exists():
        return np.load(path)
    answer = teacher.predict_proba(images, tta="mirror")
    with contextlib.suppress(OSError), atomic_path(path) as temporary, open(temporary, "wb") as file:
        np.save(file, answer)
    return answer
