"""Accuracy under corruptions, calibration, classes and confused pairs of our models and the peers."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
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
from fer_zoo.evaluation.metrics import Evaluation, wilson_interval
from fer_zoo.files import sha256, write_json
from fer_zoo.inference import load_classifier
from fer_zoo.zoo import local_path

from ..journal import Journal
from ..machine import describe, now
from ..options import Options, file_problem, manifest_of, select, tells_fer2013
from ..peers.catalogue import find_peers
from ..peers.classifier import PeerClassifier, converted
from ..report.stored import SCHEMA, identity_of, read_report
from .corruptions import CORRUPTIONS, SEVERITIES, corrupt
from .datasets import LabelledFaces
from .votes import against_votes, majority, sides, vote_shares

# Right answers by corruption and severity, then by the file's hash.
Right = dict[tuple[str, int], dict[str, int]]

BASE = "baseline_cnn onnx fp32"

# What the original project asked: label, and what it is taken for.
PAIRS = (("fear", "sad"), ("sad", "fear"), ("angry", "neutral"), ("neutral", "angry"), ("disgust", "angry"))

_EVALUATION = ("n", "accuracy", "accuracy_interval", "macro_f1", "ece", "nll", "per_class", "confusion")


@dataclass(frozen=True, eq=False)
class Subject:
    """One model whose predictions are measured: its name, what the report repeats of it, and how to load it."""

    name: str
    facts: dict[str, Any]
    load: Any


@dataclass(frozen=True, eq=False)
class Measured:
    """A finished run: the content of `robustness.json`, and what the pictures of faces need besides.

    Attributes:
        report: Content of `robustness.json`.
        images: uint8 `[n, 48, 48]`.
        labels: int64 `[n]`.
        probabilities: By model, float32 `[n, 7]`.
        shares: FER+ votes, float `[n, 7]`, NaN where an image does not count; `None` without FER+.
    """

    report: dict[str, Any]
    images: np.ndarray
    labels: np.ndarray
    probabilities: dict[str, np.ndarray]
    shares: np.ndarray | None


def run_robustness(
    options: Options,
    peers: Path | None = None,
    ferplus: Path | None = None,
    faces: LabelledFaces | None = None,
    count: int | None = None,
) -> Measured:
    """Measure, and write `robustness.json`.

    What an earlier run, finished or interrupted, measured of the same files on the same images is kept.

    Args:
        options: `data`, `artifacts`, `models`, `output` and `fresh` are used.
        peers: Folder of the peers' files, as `benchmarks peers` takes it.
        ferplus: FER+ votes for the test images.
        faces: Another data set in the place of FER2013's test images.
        count: Corrupt only that many images, evenly spread over the test set; all by default.

    Raises:
        FerZooError: There are no artifacts or no images.
    """
    dataset = None if faces else load_dataset(options.data).subset("test")
    images, labels = (faces.images, faces.labels) if faces else (dataset.images, dataset.labels)  # type: ignore[union-attr]
    fingerprint = faces.fingerprint if faces else dataset.fingerprint  # type: ignore[union-attr]
    labels = np.asarray(labels)
    subjects, left_out = _subjects(options, peers)
    chosen = np.unique(np.linspace(0, len(images) - 1, min(count or len(images), len(images))).astype(int))
    machine = describe()
    identity = {"machine": identity_of(machine), "data": fingerprint, "images": len(chosen)}
    journal = Journal(options.output / "robustness.partial.jsonl", identity, options.fresh)
    right = {} if options.fresh else _measured_before(options.output / "robustness.json", identity)
    for part in journal.parts("corrupted"):
        right.setdefault(tuple(part["of"]), {}).update(part["right"])
    classifiers = {subject.name: subject.load(1) for subject in subjects}
    with ThreadPoolExecutor(cores()) as pool, progress() as bar:

        def predict(shown: np.ndarray, names: Iterable[str] = tuple(classifiers)) -> dict[str, np.ndarray]:
            """By model; models side by side use the cores better than small networks split among them."""
            answers = pool.map(lambda name: classifiers[name].predict_proba(shown), names)
            return dict(zip(names, answers, strict=True))

        task = bar.add_task("clean", total=1 + len(CORRUPTIONS) * len(SEVERITIES))
        probabilities = predict(images)
        bar.advance(task)
        for corruption, severity in product(CORRUPTIONS, SEVERITIES):
            bar.update(task, description=f"{corruption} {severity}")
            known = right.setdefault((corruption, severity), {})
            if new := {s.name: s.facts["sha256"] for s in subjects if s.facts["sha256"] not in known}:
                answers = predict(corrupt(images[chosen], corruption, severity), new)
                found = {new[name]: int((p.argmax(1) == labels[chosen]).sum()) for name, p in answers.items()}
                journal.add("corrupted", {"of": [corruption, severity], "right": found})
                known |= found
            bar.advance(task)
        contempt = predict(faces.contempt) if faces is not None and len(faces.contempt) else {}
    shares = _shares(dataset, ferplus) if dataset and ferplus else None
    rows = [_row(s, probabilities[s.name], labels, chosen, right, shares) for s in subjects]
    _add_relative(rows)
    report: dict[str, Any] = {"schema": SCHEMA, "kind": "robustness", "finished": now(), "machine": machine}
    report |= {"data": _facts(dataset, faces, fingerprint, len(images)), "corrupted_images": len(chosen)}
    report |= {"corruptions": {name: {"strengths": s, "unit": u} for name, (_, s, u) in CORRUPTIONS.items()}}
    report |= {"base": BASE if any(row["name"] == BASE for row in rows) else None, "rows": rows, "left_out": left_out}
    if shares is not None:
        report["raters"] = _raters(labels, shares) | {"ferplus": ferplus and sha256(ferplus)}
    if contempt:
        report["contempt"] = {
            name: np.bincount(answer.argmax(1), minlength=len(EXPRESSIONS)).tolist()
            for name, answer in contempt.items()
        }
    write_json(options.output / "robustness.json", report)
    journal.finish()
    return Measured(report, images, labels, probabilities, shares)


def _measured_before(path: Path, identity: dict[str, Any]) -> Right:
    """Right answers in the report of an earlier run on the same machine and images."""
    report, right = read_report(path), Right()
    if not report or identity != {
        "machine": identity_of(report["machine"]),
        "data": report["data"]["fingerprint"],
        "images": report["corrupted_images"],
    }:
        return right
    strengths = {name: list(strengths) for name, (_, strengths, _) in CORRUPTIONS.items()}
    same = {name for name, facts in report["corruptions"].items() if facts["strengths"] == strengths.get(name)}
    for row in report["rows"]:
        for name in same:
            for severity, accuracy in zip(SEVERITIES, row["corrupted_accuracy"][name], strict=True):
                right.setdefault((name, severity), {})[row["sha256"]] = round(accuracy * report["corrupted_images"])
    return right


def _subjects(options: Options, peers: Path | None) -> tuple[list[Subject], list[str]]:
    """Every float32 ONNX file, every int8 file, and the peers as float32 ONNX."""
    artifacts = [
        a
        for a in select(manifest_of(options), options.models)
        if (a.precision == "int8" or (a.format, a.precision) == ("onnx", "fp32")) and tells_fer2013(a)
    ]
    left_out = [problem for a in artifacts if (problem := file_problem(a, options.artifacts))]
    subjects = []
    for artifact in artifacts:
        if not file_problem(artifact, options.artifacts):
            facts = {"family": "ours", "model": artifact.model, "precision": artifact.precision}
            facts |= {"format": artifact.format, "sha256": artifact.sha256}
            load = partial(_load, local_path(artifact, options.artifacts))
            subjects.append(Subject(artifact.name, facts, load))
    found, missing = find_peers(peers) if peers else ([], [])
    left_out += missing
    for peer in found:
        if peer.same_as:
            left_out.append(f"{peer.name} is left out: it has the weights of {peer.same_as}")
            continue
        try:
            path = converted(peer, peers or Path())
        except FerZooError as error:
            left_out.append(f"{peer.name} is left out: {error}")
            continue
        facts = {"family": "peer", "model": peer.name, "precision": "fp32", "format": "onnx", "sha256": sha256(path)}
        subjects.append(Subject(peer.name, facts | {"seen": peer.seen}, partial(PeerClassifier, peer, path)))
    if not subjects:
        raise FerZooError("; ".join(left_out) or "no float32 ONNX or int8 artifact is chosen")
    return subjects, left_out


def _load(path: Path, threads: int) -> Any:
    return load_classifier(path, threads=threads)


def _shares(dataset: Dataset, ferplus: Path) -> np.ndarray:
    votes, matched = join_ferplus(dataset, ferplus)
    shares, counts = vote_shares(votes)
    return np.where((counts & matched)[:, None], shares, np.nan)


def _row(
    subject: Subject,
    probabilities: np.ndarray,
    labels: np.ndarray,
    chosen: np.ndarray,
    right: Right,
    shares: np.ndarray | None,
) -> dict[str, Any]:
    evaluation = evaluate_predictions(probabilities, labels)
    guess = probabilities.argmax(1)
    accuracy = {
        name: [right[name, severity][subject.facts["sha256"]] / len(chosen) for severity in SEVERITIES]
        for name in CORRUPTIONS
    }
    row = {"name": subject.name} | subject.facts
    row |= {"evaluation": {name: getattr(evaluation, name) for name in _EVALUATION}}
    row |= {
        "clean_accuracy": float((guess == labels)[chosen].mean()),
        "corrupted_accuracy": accuracy,
        "mean_corruption_accuracy": float(np.mean(list(accuracy.values()))),
        "pairs": [_pair(evaluation, true, predicted) for true, predicted in PAIRS],
    }
    if shares is not None:
        counts = ~np.isnan(shares[:, 0])
        row["ferplus"] = against_votes(probabilities[counts], shares[counts])
        most = np.where(counts, majority(np.nan_to_num(shares)), -1)
        for pair in row["pairs"]:
            pair["raters"] = sides(labels, guess, most, pair["true"], pair["predicted"])
    return row


def _pair(evaluation: Evaluation, true: str, predicted: str) -> dict[str, Any]:
    counts = np.array(evaluation.confusion)[EXPRESSIONS.index(true)]
    count, support = int(counts[EXPRESSIONS.index(predicted)]), int(counts.sum())
    known = {"share": count / support, "interval": wilson_interval(count, support)} if support else {}
    return {"true": true, "predicted": predicted, "count": count, "support": support} | known


def _add_relative(rows: list[dict[str, Any]]) -> None:
    """Errors relative to `BASE`: `mce` as ImageNet-C defines it, and `relative_mce` of what corruption adds.

    The latter is a ratio of sums, not a mean of ratios: some corruptions add next to nothing to `BASE`.
    """
    base = next((row for row in rows if row["name"] == BASE), None)
    for row in rows if base else ():
        assert base
        ratios, relative = [], []
        for name in CORRUPTIONS:
            error, reference = (1 - np.mean(r["corrupted_accuracy"][name]) for r in (row, base))
            ratios.append(error / reference)
            added, expected = error - (1 - row["clean_accuracy"]), reference - (1 - base["clean_accuracy"])
            relative.append((added, expected))
        row["mce"] = float(np.mean(ratios))
        total = sum(expected for _, expected in relative)
        row["relative_mce"] = float(sum(added for added, _ in relative) / total) if total else None


def _raters(labels: np.ndarray, shares: np.ndarray) -> dict[str, Any]:
    """FER+'s raters as if their majority were a classifier of FER2013's labels."""
    counts = ~np.isnan(shares[:, 0])
    most = majority(shares[counts])
    decided, true = most >= 0, labels[counts]
    confusion = np.bincount(true[decided] * 7 + most[decided], minlength=49).reshape(7, 7)
    pairs = []
    for label, other in PAIRS:
        row = confusion[EXPRESSIONS.index(label)]
        support = max(int(row.sum()), 1)
        pairs.append({"true": label, "predicted": other, "share": row[EXPRESSIONS.index(other)] / support})
    recall = confusion.diagonal() / np.maximum(confusion.sum(1), 1)
    return {
        "n": int(counts.sum()),
        "decided": int(decided.sum()),
        "accuracy": float((most == true)[decided].mean()),
        "recall": dict(zip(EXPRESSIONS, map(float, recall), strict=True)),
        "pairs": [pair | {"share": float(pair["share"])} for pair in pairs],
    }


def _facts(dataset: Dataset | None, faces: LabelledFaces | None, fingerprint: str, n: int) -> dict[str, Any]:
    if faces is None:
        assert dataset
        return {"source": dataset.source, "fingerprint": fingerprint, "split": "test", "n": n}
    return {
        "source": faces.layout,
        "fingerprint": fingerprint,
        "n": n,
        "absent": list(faces.absent),
        "contempt": len(faces.contempt),
        "left_out": faces.left_out,
        "unreadable": len(faces.unreadable),
    }
