"""Measures the gain in accuracy by test-time augmentation for each model."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from fer_zoo.console import track
from fer_zoo.contract import EXPRESSIONS, FERPLUS_EXPRESSIONS
from fer_zoo.cpu import cores
from fer_zoo.data import load_labelled
from fer_zoo.inference import load_classifier
from fer_zoo.inference.augmentation import TEST_TIME_AUGMENTATIONS
from fer_zoo.zoo import Artifact, load_manifest, verified_path

from ..cells import percent
from ..options import Options, test_images
from ..rows import ImageSet
from ..table import Columns, markdown_table, read_record, write_record
from .rows import TtaReport, TtaRow

_CHUNK = 256
_NONE = "none"
KINDS = {_NONE: "one view", "mirror": "mirror", "ten-crop": "ten crops"}
_SPLITS = {"PublicTest": "public_test", "PrivateTest": "private_test", "all": "accuracy"}


def measure_tta(options: Options) -> TtaReport:
    """Measure one ONNX file of each model, and write `tta.json` after each kind of augmentation.

    Rows of an earlier run on the same images are reused if their file is still in the manifest.

    Args:
        options: `models` are names of models.
    """
    dataset = test_images(options)
    path = options.output / "tta.json"
    report = TtaReport(ImageSet.of(dataset))
    earlier = None if options.fresh else read_record(path, TtaReport)
    if earlier and earlier.data.fingerprint == report.data.fingerprint:
        files = {artifact.sha256 for artifact in load_manifest(options.artifacts, absent=True)}
        report = replace(earlier, rows=tuple(row for row in earlier.rows if row.sha256 in files))
    for artifact in _files(options):
        for tta in KINDS:
            if any((row.sha256, row.tta) == (artifact.sha256, tta) for row in report.rows):
                continue
            row = _measure(artifact, options, tta)
            report = replace(report, rows=(*report.rows, row))
            write_record(path, report)
    return report


def to_markdown(rows: Iterable[TtaRow]) -> str:
    """The page: one table for each set of expressions, best first."""
    rows = list(rows)
    sections = [
        "# Test-time augmentation",
        "The mean prediction for each test image and its mirror image (twice the time), and for ten crops (ten times): "
        "the image, four that are shifted by two pixels towards a corner, and the mirror images of these five. All "
        "models were trained on shifted and mirrored images. Of shifts by 1, 2 and 3 pixels and of crops of 46 to 40 "
        "pixels enlarged to 48, PublicTest preferred this one on average over fernet_nano, fernet_tiny and "
        "baseline_cnn. "
        '`fer-zoo evaluate --tta ten-crop`, `predict_proba(images, tta="ten-crop")`.',
        "![what it adds to one view](tta.png)",
    ]
    columns: Columns[list[TtaRow]] = [
        ("file", lambda group: f"{group[0].model} ({Path(group[0].path).name})"),
        *(
            (f"{name}, {words}", _accuracy(split, tta))
            for name, split in _SPLITS.items()
            for tta, words in KINDS.items()
        ),
    ]
    for title, classes in (("FER2013", len(EXPRESSIONS)), ("FER+'s eight expressions", len(FERPLUS_EXPRESSIONS))):
        groups: dict[str, list[TtaRow]] = {}
        for row in rows:
            if row.classes == classes:
                groups.setdefault(row.model, []).append(row)
        best_first = sorted(sorted(groups.values(), key=lambda group: group[0].model), key=_best, reverse=True)
        if groups:
            sections += [f"## {title}", markdown_table(columns, best_first)]
    return "\n\n".join(sections) + "\n"


def _accuracy(split: str, tta: str) -> Callable[[list[TtaRow]], str]:
    return lambda group: percent(next((getattr(row, split) for row in group if row.tta == tta), None))


def _best(group: list[TtaRow]) -> float:
    return max(row.private_test or row.accuracy for row in group)


def _files(options: Options) -> list[Artifact]:
    """The float32 ONNX file of each model, or the int8 one of a large model that ships without a float32 file."""
    files: dict[str, Artifact] = {}
    for artifact in load_manifest(options.artifacts):
        if artifact.format == "onnx" and (not options.models or artifact.model in options.models):
            files.setdefault(artifact.model, artifact)
    return sorted(files.values(), key=lambda artifact: artifact.macs)


def _measure(artifact: Artifact, options: Options, tta: str) -> TtaRow:
    classifier = load_classifier(verified_path(artifact, options.artifacts), threads=cores())
    dataset = load_labelled(options.data, classifier.labels).subset("test")
    augmentation = next((kind for kind in TEST_TIME_AUGMENTATIONS if kind == tta), None)
    parts = []
    for start in track(range(0, len(dataset), _CHUNK), f"{artifact.name}, {tta}"):
        probabilities = classifier.predict_proba(dataset.images[start : start + _CHUNK], tta=augmentation)
        parts.append(probabilities.argmax(1) == dataset.labels[start : start + _CHUNK])
    correct = np.concatenate(parts)

    def accuracy_on(split: str) -> float | None:
        chosen = dataset.splits == split
        return float(correct[chosen].mean()) if chosen.any() else None

    return TtaRow(
        model=artifact.model,
        path=artifact.path,
        sha256=artifact.sha256,
        classes=len(classifier.labels),
        tta=tta,
        accuracy=float(correct.mean()),
        public_test=accuracy_on("public_test"),
        private_test=accuracy_on("private_test"),
        precision=artifact.precision,
    )
