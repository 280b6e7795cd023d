"""Measures accuracy under corruptions, calibration, classes and confused pairs of our models and the peers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from fer_zoo.console import progress
from fer_zoo.contract import EXPRESSIONS
from fer_zoo.cpu import cores
from fer_zoo.data import Dataset, load_dataset
from fer_zoo.data.ferplus import join_ferplus
from fer_zoo.errors import FerZooError
from fer_zoo.evaluation import evaluate_predictions
from fer_zoo.evaluation.metrics import wilson_interval
from fer_zoo.files import sha256
from fer_zoo.inference import Classifier, load_classifier
from fer_zoo.inference.prior import Prior, prior_text
from fer_zoo.zoo import local_path

from ..journal import Journal
from ..machine import Machine, describe, now
from ..options import Options, file_problem, manifest_of, select
from ..peers.catalogue import find_peers
from ..peers.peer_classifier import PeerClassifier, converted
from ..table import read_record, write_record
from .corruptions import CORRUPTIONS, SEVERITIES, corrupt
from .datasets import LabelledFaces
from .ranking import compare
from .rows import (
    ClassAccuracy,
    Corruption,
    FaceSet,
    PairRow,
    RaterPair,
    Raters,
    RobustnessReport,
    RobustnessRow,
    Subject,
)
from .votes import against_votes, majority, sides, vote_shares

# Number of right predictions by corruption and severity, then by the file's hash.
Correct = dict[tuple[str, int], dict[str, int]]

BASE = "baseline_cnn onnx fp32"

# The confusions that the original project asked about: label and prediction.
PAIRS = (("fear", "sad"), ("sad", "fear"), ("angry", "neutral"), ("neutral", "angry"), ("disgust", "angry"))


@dataclass(frozen=True, eq=False)
class Measured:
    """A finished run: its report, and the data for the plots of faces.

    Attributes:
        report: Content of `robustness.json`.
        images: uint8 `[n, 48, 48]`.
        labels: int64 `[n]`.
        probabilities: Probabilities by file, float32 `[n, 7]`.
        shares: Shares of FER+ votes, float `[n, 7]`, NaN for images that do not count; `None` without FER+.
    """

    report: RobustnessReport
    images: np.ndarray
    labels: np.ndarray
    probabilities: dict[str, np.ndarray]
    shares: np.ndarray | None


def run_robustness(
    options: Options,
    peers: Path | None = None,
    ferplus: Path | None = None,
    faces: LabelledFaces | None = None,
    prior: Prior | None = None,
) -> Measured:
    """Measure, and write `robustness.json`.

    Results of an earlier run, finished or interrupted, with the same files and images are reused.

    Args:
        options: `data`, `artifacts`, `models`, `output` and `fresh`; `images` is how many are corrupted, evenly spread
            over the test set, `None` for all.
        peers: Folder of the peers' files, as `benchmarks peers` takes it.
        ferplus: FER+ votes for the test images.
        faces: Another data set instead of FER2013's test images.
        prior: How often each class occurs in the population that predictions of our models are adapted to; `estimate`
            is estimated once for each model, on the clean images.

    Raises:
        FerZooError: There are no artifacts or no images.
    """
    dataset = None if faces else load_dataset(options.data).subset("test")
    images, labels, data = _images(dataset, faces)
    data = replace(data, prior=prior_text(prior) if prior else None)
    loaders, left_out = _subjects(options, peers, images, prior)
    subjects = list(loaders)
    count = min(options.images or len(images), len(images))
    chosen = np.unique(np.linspace(0, len(images) - 1, count).astype(int))
    machine = describe()
    identity = {"machine": asdict(machine.platform), "data": data.fingerprint, "images": len(chosen)}
    identity |= {"prior": data.prior} if data.prior else {}
    journal = Journal(options.output / "robustness.partial.jsonl", identity, options.fresh)
    path = options.output / "robustness.json"
    correct = {} if options.fresh else _measured_before(path, machine, data, len(chosen))
    for part in journal.parts("corrupted"):
        correct.setdefault(tuple(part["of"]), {}).update(part["right"])
    classifiers = {subject.name: load() for subject, load in loaders.items()}
    with ThreadPoolExecutor(cores()) as pool, progress() as bar:

        def predict(batch: np.ndarray, names: Iterable[str] = tuple(classifiers)) -> dict[str, np.ndarray]:
            """The probabilities by file; running models in parallel uses the cores better than splitting small ones."""
            predictions = pool.map(lambda name: classifiers[name].predict_proba(batch), names)
            return dict(zip(names, predictions, strict=True))

        task = bar.add_task("clean", total=1 + len(CORRUPTIONS) * len(SEVERITIES))
        probabilities = predict(images)
        bar.advance(task)
        for corruption, severity in product(CORRUPTIONS, SEVERITIES):
            bar.update(task, description=f"{corruption} {severity}")
            known = correct.setdefault((corruption, severity), {})
            if new := {s.name: s.sha256 for s in subjects if s.sha256 not in known}:
                predictions = predict(corrupt(images[chosen], corruption, severity), new)
                counts = {new[name]: int((p.argmax(1) == labels[chosen]).sum()) for name, p in predictions.items()}
                journal.add("corrupted", {"of": [corruption, severity], "right": counts})
                known |= counts
            bar.advance(task)
        contempt = predict(faces.contempt) if faces is not None and len(faces.contempt) else {}
    training = {name: getattr(classifier, "training_prior", None) for name, classifier in classifiers.items()}
    shares = _shares(dataset, ferplus) if dataset and ferplus else None
    rows = [_row(s, probabilities[s.name], labels, chosen, correct, shares) for s in subjects]
    report = RobustnessReport(
        finished=now(),
        machine=machine,
        data=data,
        corrupted_images=len(chosen),
        corruptions={name: Corruption(strengths, unit) for name, (_, strengths, unit) in CORRUPTIONS.items()},
        rows=tuple(_with_mce(rows)),
        base=BASE if any(row.name == BASE for row in rows) else None,
        left_out=tuple(left_out),
        raters=_raters(labels, shares, ferplus) if shares is not None else None,
        contempt={name: tuple(_counts(prediction)) for name, prediction in contempt.items()} or None,
        transfer=compare(subjects, probabilities, training, labels, data.source) if faces and not prior else None,
    )
    write_record(path, report)
    journal.finish()
    return Measured(report, images, labels, probabilities, shares)


def _images(dataset: Dataset | None, faces: LabelledFaces | None) -> tuple[np.ndarray, np.ndarray, FaceSet]:
    if faces is None:
        assert dataset
        return (
            dataset.images,
            np.asarray(dataset.labels),
            FaceSet(dataset.source, dataset.fingerprint, len(dataset)),
        )
    data = FaceSet(
        faces.layout,
        faces.fingerprint,
        len(faces.images),
        absent=faces.absent,
        contempt=len(faces.contempt),
        left_out=faces.left_out,
        unreadable=faces.unreadable,
        notes=faces.notes,
    )
    return faces.images, faces.labels, data


def _measured_before(path: Path, machine: Machine, data: FaceSet, images: int) -> Correct:
    """The numbers of right predictions in an earlier report of the same machine and images."""
    report, correct = read_record(path, RobustnessReport), Correct()
    if report is None or (report.machine.platform, report.corrupted_images) != (machine.platform, images):
        return correct
    if (report.data.fingerprint, report.data.prior) != (data.fingerprint, data.prior):
        return correct
    strengths = {name: corruption.strengths for name, corruption in report.corruptions.items()}
    same = [name for name, (_, values, _) in CORRUPTIONS.items() if strengths.get(name) == values]
    for row in report.rows:
        for name in same:
            for severity, accuracy in zip(SEVERITIES, row.corrupted_accuracy[name], strict=True):
                correct.setdefault((name, severity), {})[row.subject.sha256] = round(accuracy * images)
    return correct


def _load(path: Path, images: np.ndarray, prior: Prior | None) -> Classifier:
    classifier = load_classifier(path, threads=1)
    if prior is None:
        return classifier
    known = classifier.estimate_prior(images) if prior == "estimate" else prior
    return load_classifier(path, threads=1, prior=known)


def _subjects(
    options: Options, peers: Path | None, images: np.ndarray, prior: Prior | None
) -> tuple[dict[Subject, Callable[[], Any]], list[str]]:
    """Every float32 ONNX file, every int8 file, and the peers as float32 ONNX, with the function that loads each."""
    artifacts = [
        a
        for a in select(manifest_of(options), options.models)
        if (a.precision == "int8" or (a.format, a.precision) == ("onnx", "fp32"))
        and tuple(a.output["labels"]) == EXPRESSIONS
    ]
    left_out = [problem for a in artifacts if (problem := file_problem(a, options.artifacts))]
    subjects: dict[Subject, Callable[[], Any]] = {}
    for a in artifacts:
        if not file_problem(a, options.artifacts):
            subject = Subject(a.name, "ours", a.model, a.precision, a.format, a.sha256)
            subjects[subject] = partial(_load, local_path(a, options.artifacts), images, prior)
    peer_models, missing = find_peers(peers) if peers else ([], [])
    left_out += missing
    for peer in peer_models:
        if peer.same_as:
            left_out.append(f"{peer.name} is left out: it has the weights of {peer.same_as}")
            continue
        try:
            path = converted(peer, peers or Path())
        except FerZooError as error:
            left_out.append(f"{peer.name} is left out: {error}")
            continue
        subject = Subject(peer.name, "peer", peer.name, "fp32", "onnx", sha256(path), peer.seen)
        subjects[subject] = partial(PeerClassifier, peer, path, 1)
    if not subjects:
        raise FerZooError("; ".join(left_out) or "no float32 ONNX or int8 file of FER2013's expressions is chosen")
    return subjects, left_out


def _shares(dataset: Dataset, ferplus: Path) -> np.ndarray:
    votes, matched = join_ferplus(dataset, ferplus)
    shares, counts = vote_shares(votes)
    return np.where((counts & matched)[:, None], shares, np.nan)


def _row(
    subject: Subject,
    probabilities: np.ndarray,
    labels: np.ndarray,
    chosen: np.ndarray,
    correct: Correct,
    shares: np.ndarray | None,
) -> RobustnessRow:
    measures = vars(evaluate_predictions(probabilities, labels, EXPRESSIONS))
    evaluation = ClassAccuracy(**{name: measures[name] for name in ClassAccuracy.__dataclass_fields__})
    guess = probabilities.argmax(1)
    accuracy = {
        name: tuple(correct[name, severity][subject.sha256] / len(chosen) for severity in SEVERITIES)
        for name in CORRUPTIONS
    }
    row = RobustnessRow(
        subject=subject,
        evaluation=evaluation,
        clean_accuracy=float((guess == labels)[chosen].mean()),
        corrupted_accuracy=accuracy,
        mean_corruption_accuracy=float(np.mean(list(accuracy.values()))),
        pairs=tuple(_pair(evaluation, true, predicted) for true, predicted in PAIRS),
    )
    if shares is None:
        return row
    counts = ~np.isnan(shares[:, 0])
    most = np.where(counts, majority(np.nan_to_num(shares)), -1)
    pairs = (replace(pair, raters=sides(labels, guess, most, pair.true, pair.predicted)) for pair in row.pairs)
    return replace(row, ferplus=against_votes(probabilities[counts], shares[counts]), pairs=tuple(pairs))


def _pair(evaluation: ClassAccuracy, true: str, predicted: str) -> PairRow:
    counts = evaluation.confusion[EXPRESSIONS.index(true)]
    count, support = counts[EXPRESSIONS.index(predicted)], sum(counts)
    if not support:
        return PairRow(true, predicted, count, support)
    return PairRow(true, predicted, count, support, count / support, wilson_interval(count, support))


def _with_mce(rows: Sequence[RobustnessRow]) -> Sequence[RobustnessRow]:
    """The rows with their errors relative to `BASE`, if `BASE` is one of them."""
    base = next((row for row in rows if row.name == BASE), None)
    if base is None:
        return rows

    def errors(row: RobustnessRow) -> np.ndarray:
        return np.array([1 - np.mean(row.corrupted_accuracy[name]) for name in CORRUPTIONS])

    def added(row: RobustnessRow) -> float:
        return float((errors(row) - (1 - row.clean_accuracy)).sum())

    return [
        replace(
            row,
            mce=float(np.mean(errors(row) / errors(base))),
            relative_mce=added(row) / added(base) if added(base) else None,
        )
        for row in rows
    ]


def _raters(labels: np.ndarray, shares: np.ndarray, ferplus: Path | None) -> Raters:
    counts = ~np.isnan(shares[:, 0])
    most = majority(shares[counts])
    decided, true = most >= 0, labels[counts]
    confusion = np.bincount(true[decided] * 7 + most[decided], minlength=49).reshape(7, 7)
    shares_of_label = confusion / np.maximum(confusion.sum(1, keepdims=True), 1)
    return Raters(
        n=int(counts.sum()),
        decided=int(decided.sum()),
        accuracy=float((most == true)[decided].mean()),
        recall=dict(zip(EXPRESSIONS, map(float, shares_of_label.diagonal()), strict=True)),
        pairs=tuple(
            RaterPair(label, other, float(shares_of_label[EXPRESSIONS.index(label), EXPRESSIONS.index(other)]))
            for label, other in PAIRS
        ),
        ferplus=sha256(ferplus) if ferplus else None,
    )


def _counts(probabilities: np.ndarray) -> list[int]:
    return np.bincount(probabilities.argmax(1), minlength=len(EXPRESSIONS)).tolist()
