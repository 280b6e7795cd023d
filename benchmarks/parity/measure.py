"""Compares every file of the zoo with its Keras original on the test images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from fer_zoo.console import progress
from fer_zoo.cpu import cores
from fer_zoo.data import Dataset, TrainingData, copies_of_train, load_dataset, load_labelled
from fer_zoo.errors import FerZooError
from fer_zoo.evaluation.parity import GATES, compare, failures, goals_missed
from fer_zoo.evaluation.significance import macro_f1_delta_interval, paired_test
from fer_zoo.inference import load_classifier
from fer_zoo.zoo import Artifact, artifact_path, load_manifest, local_path, run_config

from .. import EXPORT
from ..accuracy.measure import accuracy_of
from ..accuracy.rows import Accuracy
from ..machine import Machine, describe, now
from ..options import Options, file_problem, manifest_of, select
from ..rows import ImageSet, ModelFile
from ..table import read_record, write_record
from .other_runtimes import compare_in_runtime, keras_probabilities, runtimes_for
from .rows import Difference, Original, ParityReport, ParityRow

Predict = Callable[[Path, np.ndarray], np.ndarray]


def run_parity(options: Options, predict_original: Predict | None = None) -> ParityReport:
    """Compare the selected files with their originals and write `parity.json` after each.

    Rows of an earlier run with the same files, images, software and gates are reused, since their numbers would be the
    same. Rows of files that are not selected stay, too; if they are from another machine or software, their `machine`
    says so.

    Args:
        options: What to measure.
        predict_original: Computes the probabilities of a `.keras` file; by default Keras in a process of its own.

    Raises:
        FerZooError: There are no artifacts or no test images.
    """
    manifest = manifest_of(options)
    selected = select(manifest, options.models)
    comparison = _Comparison(options, manifest, predict_original or keras_probabilities)
    machine = describe()
    path = options.output / "parity.json"
    earlier = [] if options.fresh else _earlier(path, comparison.data, machine)
    registered = load_manifest(options.artifacts, absent=True)
    # Rows of files that are not selected, and, if this run is interrupted, of files that it has not reached yet.
    current = {(artifact.path, artifact.sha256) for artifact in registered}
    rows = {row.file.path: row for row in earlier if (row.file.path, row.file.sha256) in current}
    reusable = {path: row for path, row in rows.items() if row.machine is None}
    for artifact in selected:
        if artifact.path not in reusable:
            rows.pop(artifact.path, None)
    order = [artifact.path for artifact in registered]
    report = ParityReport(now(), machine, comparison.data)
    with progress() as bar:
        task = bar.add_task("parity", total=len(selected))
        for artifact in selected:
            bar.update(task, description=f"parity {artifact.name}")
            rows[artifact.path] = comparison.row(artifact, reusable.get(artifact.path))
            report = replace(report, rows=tuple(sorted(rows.values(), key=lambda row: order.index(row.file.path))))
            write_record(path, report)
            bar.advance(task)
    report = replace(report, finished=now())
    write_record(path, report)
    return report


class _Comparison:
    """The test images, and the probabilities that the originals predict for them."""

    def __init__(self, options: Options, manifest: list[Artifact], predict_original: Predict) -> None:
        self._options = options
        self._manifest = manifest
        self._predict_original = predict_original
        self._dataset = load_dataset(options.data)
        test = self._dataset.subset("test")
        self.data = ImageSet.of(test)
        self._labelled = {test.expressions: test}
        self._probabilities: dict[str, np.ndarray | FerZooError] = {}

    def row(self, artifact: Artifact, earlier: ParityRow | None) -> ParityRow:
        """The row of a file; `earlier` if it would be the same."""
        file = ModelFile.of(artifact)
        try:
            if problem := file_problem(artifact, self._options.artifacts):
                raise FerZooError(problem)
            original = self._original_of(artifact)
            if earlier and self._is_current(earlier, artifact, original):
                return earlier
            row = self._measured(file, artifact, original)
            path, reference = local_path(artifact, self._options.artifacts), self._predictions_of(original)
            test = self.test_images(artifact)
            others = (
                compare_in_runtime(name, artifact, path, reference, test.images, np.asarray(test.labels))
                for name in self._runtimes(artifact)
            )
            return replace(row, other_runtimes=tuple(others))
        except FerZooError as error:
            return ParityRow(file, "error", error=str(error))

    def test_images(self, artifact: Artifact) -> Dataset:
        """The test images with labels of the classes that `artifact` predicts."""
        labels = tuple(artifact.output["labels"])
        if labels not in self._labelled:
            self._labelled[labels] = load_labelled(self._options.data, labels).subset("test")
        return self._labelled[labels]

    def _measured(self, file: ModelFile, artifact: Artifact, original: Artifact) -> ParityRow:
        reference = self._predictions_of(original)
        before = self._accuracy(reference, original)
        if artifact is original:
            return ParityRow(file, "reference", evaluation=before)
        test = self.test_images(artifact)
        classifier = load_classifier(local_path(artifact, self._options.artifacts), threads=cores())
        candidate = classifier.predict_proba(test.images)
        after = self._accuracy(candidate, original)
        difference = _difference(reference, candidate, test, before, after)
        missed = tuple(failures(difference, artifact.precision))
        return ParityRow(
            file,
            status="failed" if missed else "passed",
            missed=missed,
            evaluation=after,
            parity=difference,
            gate=GATES[artifact.precision],
            reference=Original(original.path, original.sha256),
            goals_missed=tuple(goals_missed(difference, artifact.precision, self._size_share(artifact))),
        )

    def _accuracy(self, probabilities: np.ndarray, original: Artifact) -> Accuracy:
        """The accuracy with and without the test images that the model has seen in training."""
        folder = artifact_path(original, self._options.artifacts).parent
        test = self.test_images(original)
        copies = copies_of_train(self._dataset, test, TrainingData.of_config(run_config(folder)))
        return accuracy_of(probabilities, test, copies)

    def _is_current(self, row: ParityRow, artifact: Artifact, original: Artifact) -> bool:
        """Whether a row of this machine has the same original and gates, and at least the same runtimes."""
        compared = row.reference.sha256 if row.reference else row.file.sha256
        measured = {other.runtime for other in row.other_runtimes}
        return (
            compared == original.sha256
            and row.gate in (None, GATES[artifact.precision])
            and measured.issuperset(self._runtimes(artifact))
        )

    def _runtimes(self, artifact: Artifact) -> list[str]:
        return runtimes_for(artifact, self._options.backends, self._options.runtimes)

    def _original_of(self, artifact: Artifact) -> Artifact:
        """The Keras artifact that `artifact` was exported from."""
        if artifact.format == "keras":
            return artifact
        recorded = (a for a in self._manifest if a.path == artifact.parity.get("reference", ""))
        same_model = (a for a in self._manifest if (a.model, a.format) == (artifact.model, "keras"))
        original = next(recorded, None) or next(same_model, None)
        if original is None:
            raise FerZooError(f"the manifest has no Keras original of {artifact.name}; run `{EXPORT}` again")
        return original

    def _size_share(self, artifact: Artifact) -> float | None:
        """Size of `artifact` divided by that of the fp32 file of the same model and format."""
        same = (a for a in self._manifest if (a.model, a.format) == (artifact.model, artifact.format))
        full = next((a for a in same if a.precision == "fp32"), None)
        return artifact.bytes / full.bytes if full else None

    def _predictions_of(self, original: Artifact) -> np.ndarray:
        """The probabilities of an original, computed once."""
        if original.path not in self._probabilities:
            try:
                if problem := file_problem(original, self._options.artifacts):
                    raise FerZooError(problem)
                path = local_path(original, self._options.artifacts)
                self._probabilities[original.path] = self._predict_original(path, self.test_images(original).images)
            except FerZooError as error:
                self._probabilities[original.path] = error
        result = self._probabilities[original.path]
        if isinstance(result, FerZooError):
            raise FerZooError(
                f"the Keras original cannot be run, so there is nothing to compare with: {result}"
            ) from result
        return result


def _difference(
    reference: np.ndarray, candidate: np.ndarray, test: Dataset, before: Accuracy, after: Accuracy
) -> Difference:
    labels = np.asarray(test.labels)
    guesses = [probabilities.argmax(1) for probabilities in (reference, candidate)]
    paired = paired_test(*(guess == labels for guess in guesses))
    return Difference(
        **vars(compare(reference, candidate, labels, test.expressions)),
        ece_delta=after.ece - before.ece,
        nll_delta=after.nll - before.nll,
        **vars(paired),
        macro_f1_delta_interval=macro_f1_delta_interval(labels, *guesses),
    )


def _earlier(path: Path, data: ImageSet, machine: Machine) -> list[ParityRow]:
    """Rows of an earlier run on the same images, with their `machine` if it is another one."""
    report = read_record(path, ParityReport)
    if report is None or report.data.fingerprint != data.fingerprint:
        return []
    this_platform, report_machine = machine.platform, report.machine.platform
    measured = [(row, row.machine or report_machine) for row in report.rows if row.status != "error"]
    return [replace(row, machine=None if platform == this_platform else platform) for row, platform in measured]
