"""Trains small networks on one half of FER2013 and tests them on the other: the halves by how much FER+'s raters agree.

Clear faces look like those of posed sets, of which each person shows what was asked for; ambiguous ones are most of
what cameras see. A network that learned expressions rather than its images' habits does well on the half, the labels
and the pictures that it has not seen.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
from PIL import Image

from fer_zoo.backend import select_backend
from fer_zoo.console import progress
from fer_zoo.contract import EXPRESSIONS
from fer_zoo.cpu import cores
from fer_zoo.data import Dataset
from fer_zoo.data.augment import AUGMENTATIONS
from fer_zoo.data.ferplus import BUNDLED_VOTES, join_ferplus
from fer_zoo.errors import UsageError
from fer_zoo.evaluation.metrics import evaluate_predictions
from fer_zoo.files import atomic_path
from fer_zoo.inference import load_classifier
from fer_zoo.inference.prior import adapt, normalized
from fer_zoo.training import TrainingConfig
from fer_zoo.zoo import artifacts_dir, read_keras, verified_path

from ...peers.catalogue import find_peers
from ...peers.peer_classifier import PeerClassifier, converted
from ...robustness.corruptions import CORRUPTIONS, corrupt
from ...robustness.votes import majority, vote_shares
from ..populations.measure import int8_files
from ..trained import trained
from .rows import Generalization, GeneralizationRow, PublishedRow

HALVES = ("clear", "ambiguous")
BASE = "strong augmentation"
_BASE = TrainingConfig(
    model="fernet_nano",
    optimizer="sgd",
    learning_rate=0.1,
    schedule="cosine",
    warmup_epochs=1,
    weight_decay=1e-3,
    label_smoothing=0.1,
    ema=0.99,
    augmentation=AUGMENTATIONS["strong"],
    recalibrate_batch_norm=True,
    calibrate=True,
)
# Each differs from the first in one thing. The peers trained with affine augmentation alone.
VARIANTS = {
    BASE: _BASE,
    "affine augmentation": replace(_BASE, augmentation=AUGMENTATIONS["affine"]),
    "no augmentation": replace(_BASE, augmentation=None),
    "distillation": replace(
        _BASE,
        label_smoothing=0.0,
        teachers=("mobilenet_face:onnx:int8",),
        distillation_weight=0.7,
        augmented_views=4,
    ),
    "class weights": replace(_BASE, class_weights=True),
    "raters' votes": replace(_BASE, label_smoothing=0.0, vote_weight=0.5, ferplus=str(BUNDLED_VOTES)),
}
TESTS = {
    "own half": "faces of the half that it was trained on",
    "other half": "faces of the other half",
    "other half, other labels": "the other half, labelled by the majority of FER+'s raters",
    "own half, corrupted": "its own half under the fifteen corruptions of the robustness benchmark at severity 3",
}
_SEVERITY = 3


def measure(
    dataset: Dataset,
    runs: Path,
    variants: Sequence[str],
    seeds: Sequence[int],
    epochs: int,
    backend: str,
    ferplus: Path | None = None,
    peers: Path | None = None,
    models: Sequence[str] = (),
) -> Generalization:
    """Train what is not trained yet, and test everything on PrivateTest.

    Args:
        dataset: FER2013, with PublicTest (on which each run's epoch is chosen, in its own half) and PrivateTest.
        runs: Folder for the runs and the halves as zip files; finished runs in it are used as they are.
        variants: Keys of `VARIANTS`.
        seeds: One training of each variant on each half for each.
        epochs: Epochs of each training.
        backend: Backend of Keras.
        ferplus: FER+'s votes; `None` is the bundled file.
        peers: Folder of the peers' files, of which those that were trained on FER2013's train images are measured, too.
        models: Models of the zoo to measure beside the trainings; empty is all.

    Raises:
        UsageError: A half has no image of an expression, or `runs` has trainings with other settings.
    """
    select_backend(backend)
    votes, _ = join_ferplus(dataset, ferplus or BUNDLED_VOTES)
    shares, counted = vote_shares(votes)
    training = dataset.splits == "train"
    agreement = float(np.median(shares.max(1)[counted & training]))
    clear = shares.max(1) > agreement
    masks = {"clear": counted & clear, "ambiguous": counted & ~clear}
    raters = majority(shares)
    for half, mask in masks.items():
        _refuse_missing(dataset, mask, half)
    for half, mask in masks.items():
        _write_zip(dataset, mask, runs / f"{half}.zip")
    rows: list[GeneralizationRow] = []
    with progress() as bar:
        for half in bar.track(HALVES, description="halves"):
            tests = _tests(dataset, masks, half, raters)
            prior = normalized(np.bincount(dataset.labels[training & masks[half]], minlength=len(EXPRESSIONS)))
            for variant, seed in bar.track(list(product(variants, seeds)), description=f"trainings on {half} faces"):
                config = replace(VARIANTS[variant], data=str(runs / f"{half}.zip"), epochs=epochs, backend=backend)
                if config.vote_weight and ferplus:
                    config = replace(config, ferplus=str(ferplus))
                folder = runs / f"{half}-{variant.replace(' ', '-')}-{seed}".replace("'", "")
                model = trained(replace(config, seed=seed), folder)
                rows += _tested(model, tests, prior, (half, variant, seed))
    return Generalization(
        dataset.source,
        dataset.fingerprint,
        _BASE.model,
        epochs,
        agreement,
        {half: int((training & mask).sum()) for half, mask in masks.items()},
        {half: float((dataset.labels == raters)[training & mask].mean()) for half, mask in masks.items()},
        tuple(rows),
        tuple(_published(dataset, masks, peers, models)),
    )


def _published(
    dataset: Dataset, masks: dict[str, np.ndarray], peers: Path | None, models: Sequence[str]
) -> Iterator[PublishedRow]:
    """The zoo's int8 ONNX files of seven expressions, and peers that were trained on the same images."""
    private = dataset.splits == "private_test"
    images, labels = dataset.images[private], dataset.labels[private]
    counts = np.bincount(dataset.labels[dataset.splits == "train"], minlength=len(EXPRESSIONS))
    classifiers: list[tuple[str, Callable[[np.ndarray], np.ndarray], np.ndarray | None]] = []
    for artifact in int8_files(artifacts_dir(), models):
        own = load_classifier(verified_path(artifact, artifacts_dir()), threads=cores())
        classifiers.append((artifact.model, own.predict_proba, artifact.output["prior"]))
    if peers:
        for peer in find_peers(peers)[0]:
            if peer.seen == "chosen" and peer.same_as is None:
                classifier = PeerClassifier(peer, converted(peer, peers), cores())
                classifiers.append((peer.name, classifier.predict_proba, None))
    for model, predict, own_prior in classifiers:
        predictions = predict(images)
        for half, mask in masks.items():
            mine = mask[private]
            prior = normalized(counts if own_prior is None else own_prior)
            for name, adapted in _adapted(predictions[mine], prior):
                found = evaluate_predictions(adapted, labels[mine], EXPRESSIONS)
                ours = own_prior is not None
                yield PublishedRow(model, ours, half, name, found.n, found.accuracy, found.macro_recall)


def _adapted(probabilities: np.ndarray, prior: np.ndarray) -> list[tuple[str, np.ndarray]]:
    """Predictions by the name of the prior that they are for."""
    uniform = np.full(len(EXPRESSIONS), 1 / len(EXPRESSIONS))
    return [("training", probabilities), ("uniform", adapt(probabilities, prior, uniform))]


def _refuse_missing(dataset: Dataset, mask: np.ndarray, half: str) -> None:
    for split in ("train", "public_test", "private_test"):
        present = set(dataset.labels[mask & (dataset.splits == split)])
        if missing := [name for label, name in enumerate(EXPRESSIONS) if label not in present]:
            raise UsageError(
                f"the {half} faces of {split} have none that is {missing[0]}; pass all of FER2013 with --data"
            )


def _write_zip(dataset: Dataset, mask: np.ndarray, path: Path) -> None:
    """Write the train and PublicTest images of a half in FER2013's layout, under their own names."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    prefixes = {"train": "Training", "public_test": "PublicTest"}
    with atomic_path(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for i in np.flatnonzero(mask & np.isin(dataset.splits, list(prefixes))):
            split = dataset.splits[i]
            name = Path(dataset.names[i]).name if dataset.names[i].endswith(".png") else f"{prefixes[split]}_{i}.png"
            png = io.BytesIO()
            Image.fromarray(dataset.images[i]).save(png, "PNG")
            folder = "train" if split == "train" else "test"
            archive.writestr(f"{folder}/{EXPRESSIONS[dataset.labels[i]]}/{name}", png.getvalue())


def _tests(
    dataset: Dataset, masks: dict[str, np.ndarray], half: str, raters: np.ndarray
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Images and labels of each of `TESTS`, for networks that are trained on `half`."""
    private = dataset.splits == "private_test"
    (other,) = (name for name in HALVES if name != half)
    own, others = private & masks[half], private & masks[other]
    decided = others & (raters >= 0)
    corrupted = np.concatenate([corrupt(dataset.images[own], name, _SEVERITY) for name in CORRUPTIONS])
    return {
        "own half": (dataset.images[own], dataset.labels[own]),
        "other half": (dataset.images[others], dataset.labels[others]),
        "other half, other labels": (dataset.images[decided], raters[decided]),
        "own half, corrupted": (corrupted, np.tile(dataset.labels[own], len(CORRUPTIONS))),
    }


def _tested(
    model: Path, tests: dict[str, tuple[np.ndarray, np.ndarray]], prior: np.ndarray, key: tuple[str, str, int]
) -> Iterator[GeneralizationRow]:
    from fer_zoo.inference.predictor import Predictor

    predict = Predictor(read_keras(model))
    for test, (images, labels) in tests.items():
        for name, adapted in _adapted(predict(images[..., None]), prior):
            found = evaluate_predictions(adapted, labels, EXPRESSIONS)
            yield GeneralizationRow(*key, test, name, found.n, found.accuracy, found.macro_recall, found.nll, found.ece)
