"""Every artifact against its Keras original on the test images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from fer_zoo.console import err, progress
from fer_zoo.contract import expressions_of
from fer_zoo.cpu import cores
from fer_zoo.data import Dataset, majority_labels, train_copies
from fer_zoo.errors import FerZooError
from fer_zoo.evaluation.parity import GATES, compare, failures, short_of_aims
from fer_zoo.evaluation.significance import macro_f1_delta_interval, paired_test
from fer_zoo.files import write_json
from fer_zoo.inference import load_classifier
from fer_zoo.zoo import Artifact, load_manifest, local_path

from ..accuracy.rows import accuracy_row
from ..latency.keras_process import OtherProcess
from ..machine import describe, now
from ..options import Options, facts, file_problem, manifest_of, select, test_images
from ..report.stored import SCHEMA, identity_of, read_report
from .other_runtimes import elsewhere, places

Predict = Callable[[Path, np.ndarray], np.ndarray]


def run_parity(options: Options, predict_original: Predict | None = None) -> dict[str, Any]:
    """Compare the selected artifacts with their originals and write `parity.json` after each.

    Rows measured before of the same files, images, software and gates are kept: the numbers would be the same. So are
    those of files that are not selected; where they come from another machine or software, `machine` tells it.

    Args:
        options: What to measure.
        predict_original: Gives the probabilities of a `.keras` file; by default Keras in a process of its own.

    Returns:
        The content of `parity.json`. The `status` of a row is `reference` for an original, `passed`, `failed` (a gate
        is missed, `missed` tells which) or `error` (`error` tells why it could not be measured). `elsewhere` has what
        `benchmarks.parity.other_runtimes` found of it.

    Raises:
        FerZooError: There are no artifacts or no test images.
    """
    manifest = manifest_of(options)
    selected = select(manifest, options.models)
    dataset = test_images(options)
    data = {"source": dataset.source, "fingerprint": dataset.fingerprint, "split": "test", "n": len(dataset)}
    machine = describe()
    path = options.output / "parity.json"
    earlier = [] if options.fresh else _earlier(path, data, machine)
    kept = _finished(earlier)
    registered = load_manifest(options.artifacts, absent=True)
    others = _others(earlier, registered, selected)
    report: dict[str, Any] = {"schema": SCHEMA, "kind": "parity", "complete": False, "started": now()}
    report |= {"machine": machine, "data": data, "rows": []}
    comparison = _Comparison(options, manifest, dataset, predict_original or _predict_in_other_process)
    with progress() as bar:
        task = bar.add_task("parity", total=len(selected))
        for artifact in selected:
            bar.update(task, description=f"parity {artifact.name}")
            report["rows"].append(comparison.row(artifact, kept))
            write_json(path, report | {"rows": report["rows"] + _ahead(selected, report["rows"], kept) + others})
            bar.advance(task)
    order = [artifact.path for artifact in registered]
    report["rows"] = sorted(report["rows"] + others, key=lambda row: order.index(row["path"]))
    report |= {"complete": True, "finished": now()}
    write_json(path, report)
    return report


class _Comparison:
    """One set of images, and the probabilities that the originals give for it."""

    def __init__(self, options: Options, manifest: list[Artifact], dataset: Dataset, predict_original: Predict) -> None:
        self._folder = options.artifacts
        self._elsewhere = partial(elsewhere, backends=options.backends, runtimes=options.runtimes)
        self._places = partial(places, backends=options.backends, runtimes=options.runtimes)
        self._manifest = {artifact.path: artifact for artifact in manifest}
        self._sets = {dataset.expressions: (dataset, train_copies(dataset))}
        self._predict_original = predict_original
        self._originals: dict[str, np.ndarray | FerZooError] = {}

    def original_of(self, artifact: Artifact) -> Artifact:
        """The Keras artifact that `artifact` was exported from."""
        if artifact.format == "keras":
            return artifact
        named = self._manifest.get(artifact.parity.get("reference", ""))
        same_model = (a for a in self._manifest.values() if (a.model, a.format) == (artifact.model, "keras"))
        found = named or next(same_model, None)
        if found is None:
            raise FerZooError(f"the manifest has no Keras original of {artifact.name}; run `python -m export` again")
        return found

    def row(self, artifact: Artifact, kept: dict[tuple[str, str, str], dict[str, Any]]) -> dict[str, Any]:
        row = facts(artifact)
        try:
            if problem := file_problem(artifact, self._folder):
                raise FerZooError(problem)
            original = self.original_of(artifact)
            finished = kept.get((artifact.path, artifact.sha256, original.sha256))
            if finished and self._still_holds(artifact, finished):
                err.print(f"{artifact.name}: measured before, kept (--fresh measures it again)")
                return finished
            row |= self._measured(artifact, original)
            path, reference = local_path(artifact, self._folder), self._original(original)
            dataset, _ = self._set_of(artifact)
            return row | {"elsewhere": self._elsewhere(artifact, path, reference, dataset.images, dataset.labels)}
        except FerZooError as error:
            return row | {"status": "error", "error": str(error)}

    def _measured(self, artifact: Artifact, original: Artifact) -> dict[str, Any]:
        reference = self._original(original)
        dataset, copies = self._set_of(artifact)
        labels = np.asarray(dataset.labels)
        before = accuracy_row(reference, dataset, copies)
        if artifact is original:
            return {"status": "reference", "evaluation": before}
        candidate = load_classifier(local_path(artifact, self._folder), threads=cores()).predict_proba(dataset.images)
        after = accuracy_row(candidate, dataset, copies)
        parity = compare(reference, candidate, labels)
        guesses = [probabilities.argmax(1) for probabilities in (reference, candidate)]
        missed = failures(parity, artifact.precision)
        return {
            "status": "failed" if missed else "passed",
            "missed": missed,
            "gate": asdict(GATES[artifact.precision]),
            "short_of_aims": short_of_aims(parity, artifact.precision, self._share(artifact)),
            "reference": {"path": original.path, "sha256": original.sha256},
            "evaluation": after,
            "parity": parity.to_json()
            | {name + "_delta": after[name] - before[name] for name in ("ece", "nll")}
            | {"macro_f1_delta_interval": macro_f1_delta_interval(labels, *guesses)}
            | paired_test(*(guess == labels for guess in guesses)),
        }

    def _set_of(self, artifact: Artifact) -> tuple[Dataset, np.ndarray]:
        """The images with the labels of the expressions that `artifact` tells, and which have a copy in train."""
        expressions = expressions_of(len(artifact.output["labels"]))
        if expressions not in self._sets:
            dataset = majority_labels(next(iter(self._sets.values()))[0])
            self._sets[expressions] = (dataset, train_copies(dataset))
        return self._sets[expressions]

    def _still_holds(self, artifact: Artifact, row: dict[str, Any]) -> bool:
        asked = [other["where"] for other in row["elsewhere"]] == self._places(artifact)
        return asked and row.get("gate") in (None, asdict(GATES[artifact.precision]))

    def _share(self, artifact: Artifact) -> float | None:
        """Bytes of `artifact` over those of the fp32 file of its model and format."""
        same = (a for a in self._manifest.values() if (a.model, a.format) == (artifact.model, artifact.format))
        full = next((a for a in same if a.precision == "fp32"), None)
        return artifact.bytes / full.bytes if full else None

    def _original(self, original: Artifact) -> np.ndarray:
        if original.path not in self._originals:
            try:
                if problem := file_problem(original, self._folder):
                    raise FerZooError(problem)
                predicted = self._predict_original(local_path(original, self._folder), self._set_of(original)[0].images)
                self._originals[original.path] = predicted
            except FerZooError as error:
                self._originals[original.path] = error
        found = self._originals[original.path]
        if isinstance(found, FerZooError):
            raise FerZooError(f"the Keras original gives nothing to compare with: {found}") from found
        return found


def _ahead(
    selected: list[Artifact], done: list[dict[str, Any]], kept: dict[tuple[str, str, str], dict[str, Any]]
) -> list[dict[str, Any]]:
    """Earlier rows of what this run has not reached, so that an interrupted one does not lose them."""
    paths = {artifact.path for artifact in selected[len(done) :]}
    return [row for row in kept.values() if row["path"] in paths]


def _predict_in_other_process(model: Path, images: np.ndarray) -> np.ndarray:
    process = OtherProcess(model, cores())
    try:
        return process.predict_proba(images)
    finally:
        process.close()


def _earlier(path: Path, data: dict[str, Any], machine: dict[str, Any]) -> list[dict[str, Any]]:
    """Rows of an earlier run of the same images, with their `machine` where it or its software was another."""
    report = read_report(path)
    if report is None or report["data"] != data:
        return []
    here, there = identity_of(machine), identity_of(report["machine"])
    rows = [{"machine": there} | row for row in report["rows"] if row["status"] != "error"]
    return [{name: row[name] for name in row if name != "machine" or row[name] != here} for row in rows]


def _finished(earlier: list[dict[str, Any]]) -> dict[tuple[str, str, str], dict[str, Any]]:
    """Rows measured here, by path, sha256 and sha256 of the original."""
    rows = [row for row in earlier if "machine" not in row]
    return {(row["path"], row["sha256"], row.get("reference", row)["sha256"]): row for row in rows}


def _others(
    earlier: list[dict[str, Any]], registered: list[Artifact], selected: list[Artifact]
) -> list[dict[str, Any]]:
    """Rows of registered files that this run leaves alone."""
    asked = {artifact.path for artifact in selected}
    left = {(artifact.path, artifact.sha256) for artifact in registered if artifact.path not in asked}
    return [row for row in earlier if (row["path"], row["sha256"]) in left]
