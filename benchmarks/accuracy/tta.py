"""`python -m benchmarks tta`: what test-time augmentation gives each model; `tta.json` and `tta.md` in the reports."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from fer_zoo.console import err, out, progress
from fer_zoo.contract import EXPRESSIONS, FERPLUS_EXPRESSIONS, expressions_of
from fer_zoo.cpu import cores
from fer_zoo.data import Dataset, labelled_as, load_dataset
from fer_zoo.files import write_json, write_text
from fer_zoo.inference import load_classifier
from fer_zoo.inference.augmentation import TEST_TIME_AUGMENTATIONS
from fer_zoo.zoo import Artifact, artifacts_dir, load_manifest, verified_path

from ..options import reports_folder
from ..report.stored import SCHEMA, read_report
from ..report.tables import markdown_table, percent

_CHUNK = 256
_NONE = "none"


@dataclass(frozen=True)
class TtaRow:
    """Accuracy of one file with one kind of test-time augmentation.

    Attributes:
        model: Name in the zoo.
        path: The file that was asked, relative to the artifacts folder.
        sha256: Of that file.
        classes: Number of expressions.
        tta: `none`, `mirror` or `ten-crop`.
        accuracy: On all test images, 0 to 1.
        public_test: On PublicTest, which has chosen the recipes; `None` where the data has no such images.
        private_test: On PrivateTest, which has chosen nothing.
    """

    model: str
    path: str
    sha256: str
    classes: int
    tta: str
    accuracy: float
    public_test: float | None
    private_test: float | None


def main(arguments: list[str]) -> int:
    options = _parser().parse_args(arguments)
    artifacts = options.artifacts or artifacts_dir()
    folder = options.output or reports_folder(artifacts)
    dataset = load_dataset(options.data).subset("test")
    data = {"source": dataset.source, "fingerprint": dataset.fingerprint}
    earlier = read_report(folder / "tta.json") or {"data": data, "rows": []}
    files = {a.sha256 for a in load_manifest(artifacts, absent=True)}
    known = [TtaRow(**row) for row in earlier["rows"]] if earlier["data"] == data else []
    rows = [row for row in known if row.sha256 in files]
    for artifact in _files(artifacts, options.models):
        for tta in (_NONE, *TEST_TIME_AUGMENTATIONS):
            if any((row.sha256, row.tta) == (artifact.sha256, tta) for row in rows):
                err.print(f"{artifact.name}, {tta}: measured before, kept")
                continue
            rows.append(_measure(artifact, artifacts, dataset, tta))
            content = {"schema": SCHEMA, "kind": "tta", "data": data, "rows": [asdict(row) for row in rows]}
            write_json(folder / "tta.json", content)
    write_text(folder / "tta.md", to_markdown(rows))
    out.print(f"report: {folder / 'tta.md'}", markup=False)
    return 0


def read_rows(folder: Path) -> list[TtaRow]:
    """What was measured, from `tta.json` in `folder`; nothing where there is none."""
    report = read_report(folder / "tta.json")
    return [TtaRow(**row) for row in report["rows"]] if report else []


def to_markdown(rows: Iterable[TtaRow]) -> str:
    """The page: one table for each set of expressions, best first."""
    rows = list(rows)
    sections = [
        "# Test-time augmentation",
        "The mean answer for each test image and its mirror image (twice the time), and for ten crops (ten times): the "
        "image, four that are shifted by two pixels towards a corner, and the mirror images of these five. All models "
        "were trained on shifted and mirrored images. Of shifts by 1, 2 and 3 pixels and of crops of 46 to 40 pixels "
        "enlarged to 48, PublicTest preferred this one on average over fernet_nano, fernet_tiny and baseline_cnn. "
        '`fer-zoo evaluate --tta ten-crop`, `predict_proba(images, tta="ten-crop")`.',
    ]
    for title, classes in (("FER2013", len(EXPRESSIONS)), ("FER+'s eight expressions", len(FERPLUS_EXPRESSIONS))):
        found = [row for row in rows if row.classes == classes]
        models = sorted({row.model for row in found}, key=lambda name: -_best(found, name))
        cells = [_cells(model, {row.tta: row for row in found if row.model == model}) for model in models]
        if cells:
            sections += [f"## {title}", markdown_table(_COLUMNS, cells)]
    return "\n\n".join(sections) + "\n"


_SPLITS = {"PublicTest": "public_test", "PrivateTest": "private_test", "all": "accuracy"}
_COLUMNS = ["file", *(f"{split}, {tta}" for split in _SPLITS for tta in ("one view", "mirror", "ten crops"))]


def _cells(model: str, rows: dict[str, TtaRow]) -> list[str]:
    name = f"{model} ({Path(next(iter(rows.values())).path).name})"
    kinds = (_NONE, *TEST_TIME_AUGMENTATIONS)
    values = [getattr(rows[tta], split) if tta in rows else None for split in _SPLITS.values() for tta in kinds]
    return [name, *map(percent, values)]


def _best(rows: list[TtaRow], model: str) -> float:
    return max(row.private_test or row.accuracy for row in rows if row.model == model)


def _files(artifacts: Path, models: list[str]) -> list[Artifact]:
    """The exact ONNX file of each model, or the int8 one of a large model that ships without."""
    found: dict[str, Artifact] = {}
    for artifact in load_manifest(artifacts):
        if artifact.format == "onnx":
            found.setdefault(artifact.model, artifact)
    return sorted((a for a in found.values() if not models or a.model in models), key=lambda a: a.macs)


def _measure(artifact: Artifact, artifacts: Path, dataset: Dataset, tta: str) -> TtaRow:
    classifier = load_classifier(verified_path(artifact, artifacts), threads=cores())
    dataset = labelled_as(dataset, classifier.labels, None)
    augmentation = next((kind for kind in TEST_TIME_AUGMENTATIONS if kind == tta), None)
    right = []
    with progress() as bar:
        for start in bar.track(range(0, len(dataset), _CHUNK), description=f"{artifact.name}, {tta}"):
            answers = classifier.predict_proba(dataset.images[start : start + _CHUNK], tta=augmentation)
            right.append(answers.argmax(1) == dataset.labels[start : start + _CHUNK])
    correct = np.concatenate(right)

    def on(split: str) -> float | None:
        chosen = dataset.splits == split
        return float(correct[chosen].mean()) if chosen.any() else None

    return TtaRow(
        model=artifact.model,
        path=artifact.path,
        sha256=artifact.sha256,
        classes=len(expressions_of(len(classifier.labels))),
        tta=tta,
        accuracy=float(correct.mean()),
        public_test=on("public_test"),
        private_test=on("private_test"),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks tta", description="Measure the zoo's models with test-time augmentation."
    )
    parser.add_argument("--models", nargs="+", default=[], metavar="NAME", help="only these models")
    parser.add_argument("--data", type=Path, help="FER2013 as a folder, zip or CSV (default: the bundled test images)")
    parser.add_argument("--artifacts", type=Path, help="folder of manifest.json (default: the project's artifacts)")
    parser.add_argument("--output", type=Path, help="folder of the reports (default: reports in the artifacts folder)")
    return parser
