"""Soft labels: FER+'s votes and the predictions of teacher models, in place of or beside the hard label."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Sequence

import numpy as np
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression

from fer_zoo.cpu import cores
from fer_zoo.data import Dataset
from fer_zoo.data.batches import one_hot
from fer_zoo.data.ferplus import columns_of, join_ferplus
from fer_zoo.errors import UsageError
from fer_zoo.files import atomic_path, cache_dir
from fer_zoo.inference import Classifier, load_classifier
from fer_zoo.training.config import TrainingConfig
from fer_zoo.training.reporter import SILENT, Advance, Reporter

# Images of which a teacher predicts between two steps of the progress bar; a multiple of the runtimes' batches.
_CHUNK = 1024
_PROGRESS = "predictions of the teachers"


def soft_labels(training: Dataset, config: TrainingConfig) -> np.ndarray:
    """Hard labels mixed with FER+'s vote distributions by `config.vote_weight`; without votes, the hard label alone.

    Returns:
        float32 `[n, classes]`.
    """
    labels = one_hot(training.labels, len(training.expressions))
    if not config.vote_weight or config.ferplus is None:
        return labels
    votes = join_ferplus(training, config.ferplus)[0][:, columns_of(training.expressions)]
    total = votes.sum(1, keepdims=True)
    distribution = np.where(total > 0, votes / np.maximum(total, 1), labels)
    return ((1 - config.vote_weight) * labels + config.vote_weight * distribution).astype(np.float32)


def distilled(
    labels: np.ndarray,
    views: Sequence[np.ndarray],
    config: TrainingConfig,
    training: Dataset,
    selection: Dataset,
    reporter: Reporter = SILENT,
) -> np.ndarray:
    """Soft labels mixed with the mean prediction of `config.teachers` by `config.distillation_weight`.

    Teachers predict each view that the student is trained on, and its mirror image (Beyer et al., 2021, "Knowledge
    distillation: a good teacher is patient and consistent", https://arxiv.org/abs/2106.05237). Their prediction is
    softened by `config.distillation_temperature` (Hinton et al., 2015).

    With `config.votes_as_teacher` it is combined with `predict_from_votes` as a product of experts (Hinton, 2002), with
    exponents that fit the selection images best.

    Args:
        labels: Soft labels, float32 `[n, classes]`.
        views: Views of the training images, uint8 `[n, 48, 48]` each.
        config: The run's settings.
        training: The training images; their names identify their votes.
        selection: Images that are not trained on; the exponents are fitted to them.
        reporter: Shows the progress.

    Returns:
        float32 `[views, n, classes]`.

    Raises:
        UsageError: A teacher has other classes, or the votes are of none of the images.
    """
    teachers = [load_classifier(teacher, threads=cores()) for teacher in config.teachers]
    for teacher in teachers:
        if teacher.labels != training.expressions:
            raise UsageError(
                f"the teacher {teacher.path} has the classes {', '.join(teacher.labels)}, not "
                f"{', '.join(training.expressions)}; teachers must have those of the data"
            )

    votes = config.ferplus if config.votes_as_teacher else None
    sets = [*views, selection.images] if votes else list(views)
    with reporter.progress(_PROGRESS, len(teachers) * sum(map(_chunks, sets))) as advance:
        answers = [
            np.mean([_cached_prediction(teacher, images, advance) for teacher in teachers], axis=0) for images in sets
        ]
    others: tuple[np.ndarray, ...] = ()
    exponents = np.ones(1)
    if votes:
        of_training, of_selection = predict_from_votes(votes, training, selection)
        others = (of_training,)
        exponents = fit_exponents((answers.pop(), of_selection), selection.labels)
    result = []
    for answer in answers:
        prediction = product_of_experts((answer, *others), exponents / config.distillation_temperature)
        result.append((1 - config.distillation_weight) * labels + config.distillation_weight * prediction)
    return np.stack(result).astype(np.float32)


def predict_from_votes(ferplus: str, training: Dataset, selection: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Predict FER2013's labels from FER+'s votes, whose majority agrees with them on 63 % of the images only.

    Logistic regression on the votes of the training images, fitted to their labels.

    Args:
        ferplus: FER+'s file of votes.
        training: The images that it is fitted to.
        selection: More images to predict.

    Returns:
        Probabilities of the training and of the selection images, float64 `[n, classes]`; uniform for an image without
        votes.
    """
    counts = [join_ferplus(images, ferplus)[0].astype(np.float64) for images in (training, selection)]
    totals = [votes.sum(1, keepdims=True) for votes in counts]
    shares = [votes / np.maximum(total, 1) for votes, total in zip(counts, totals, strict=True)]
    features = [np.concatenate([share, np.sqrt(share), share**2, share > 0], axis=1) for share in shares]
    voted = totals[0][:, 0] > 0
    model = LogisticRegression(max_iter=2000).fit(features[0][voted], training.labels[voted])
    classes = len(training.expressions)
    predictions = []
    for feature, total in zip(features, totals, strict=True):
        prediction = np.zeros((len(feature), classes))
        prediction[:, model.classes_] = model.predict_proba(feature)
        predictions.append(np.where(total > 0, prediction, 1 / classes))
    return predictions[0], predictions[1]


def fit_exponents(experts: tuple[np.ndarray, ...], labels: np.ndarray) -> np.ndarray:
    """The exponents, float64 `[experts]`, at which the product of probabilities `[n, classes]` has the lowest loss."""

    def loss(exponents: np.ndarray) -> float:
        return -float(np.mean(np.log(product_of_experts(experts, exponents)[np.arange(len(labels)), labels])))

    return minimize(loss, np.full(len(experts), 1 / len(experts)), method="L-BFGS-B", bounds=[(0, 2)] * len(experts)).x


def product_of_experts(experts: tuple[np.ndarray, ...], exponents: np.ndarray) -> np.ndarray:
    """Probabilities, float64 `[n, classes]`, proportional to the product of the experts' to their exponents."""
    logits = sum(power * np.log(np.maximum(expert, 1e-7)) for expert, power in zip(experts, exponents, strict=True))
    weights = np.exp(logits - np.max(logits, axis=1, keepdims=True))
    return weights / weights.sum(1, keepdims=True)


def _chunks(images: np.ndarray) -> int:
    return -(-len(images) // _CHUNK)


def _cached_prediction(teacher: Classifier, images: np.ndarray, advance: Advance) -> np.ndarray:
    """Probabilities, float32 `[n, classes]`, mean over images and their mirror images, cached for the next student."""
    key = hashlib.sha256(teacher.path.read_bytes())
    key.update(images.tobytes())
    path = cache_dir() / "answers" / f"{key.hexdigest()[:32]}.npy"
    if path.exists():
        for _ in range(_chunks(images)):
            advance(_PROGRESS)
        return np.load(path)
    parts = []
    for start in range(0, len(images), _CHUNK):
        parts.append(teacher.predict_proba(images[start : start + _CHUNK], tta="mirror"))
        advance(_PROGRESS)
    prediction = np.concatenate(parts)
    with contextlib.suppress(OSError), atomic_path(path) as temporary, open(temporary, "wb") as file:
        np.save(file, prediction)
    return prediction
