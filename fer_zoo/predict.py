"""`fer-zoo predict FACE.png …`: the expression on each face, as a table, JSON or CSV."""

from __future__ import annotations

import argparse
import csv
import io
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from fer_zoo.backend import BACKENDS
from fer_zoo.console import err, out, run, track
from fer_zoo.errors import FerZooError
from fer_zoo.expressions import EXPRESSIONS, LABELS
from fer_zoo.faces.photos import SUFFIXES
from fer_zoo.files import write_text
from fer_zoo.inference import Classifier, load_classifier, read_image

_FORMATS = ("table", "json", "csv")
_BAR = 10


@dataclass(frozen=True)
class Prediction:
    """The most probable expressions of one file, `(label, probability)` each, the likeliest first."""

    file: str
    expressions: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Failure:
    """A file without a prediction, and why."""

    file: str
    error: str


def main(arguments: list[str]) -> int:
    options = _parser().parse_args(arguments)
    form = options.format or _format_of(options.output)
    classifier = load_classifier(options.model, threads=options.threads, backend=options.backend)
    translated = dict(zip(EXPRESSIONS, LABELS[options.language], strict=True))
    labels = [translated.get(label, label) for label in classifier.labels]
    predictions: list[Prediction] = []
    failures: list[Failure] = []
    for result in _results(classifier, options.files, labels, options.top_k, options.batch_size):
        if isinstance(result, Prediction):
            predictions.append(result)
        else:
            failures.append(result)
            err.print(result.error, markup=False)
    if form == "table" and options.output is None and out.is_terminal:
        if predictions:
            out.print(_table(predictions))
    else:
        _write(_text(form, classifier, predictions, failures, options.top_k), options.output)
    return 1 if failures else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Classify images that each show one face. Exit code 1 when any of them could not be read.",
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FACE", help="image file, or folder of them")
    parser.add_argument(
        "--model",
        default="baseline_cnn",
        help="model file, or a name as in the manifest: NAME, NAME:tflite, NAME:onnx:int8 (default: %(default)s)",
    )
    parser.add_argument(
        "--top-k",
        type=int,
        choices=range(1, len(EXPRESSIONS) + 1),
        default=3,
        help="expressions to tell of each face (default: %(default)s)",
    )
    parser.add_argument("--batch-size", type=_positive, default=32, help="faces in one call (default: %(default)s)")
    parser.add_argument("--format", choices=_FORMATS, help="default: as --output ends, else table")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write there instead of printing")
    parser.add_argument("--language", choices=tuple(LABELS), default="en", help="of the labels (default: %(default)s)")
    parser.add_argument("--threads", type=_positive, default=1, help="CPU threads (default: %(default)s)")
    parser.add_argument("--backend", choices=BACKENDS, help="Keras backend, for a .keras model")
    return parser


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def _format_of(output: Path | None) -> str:
    suffix = output.suffix.lower().removeprefix(".") if output else ""
    return suffix if suffix in _FORMATS else "table"


def _results(
    classifier: Classifier, paths: list[Path], labels: list[str], top_k: int, batch_size: int
) -> Iterator[Prediction | Failure]:
    """Read and classify batch by batch; the predictions come in the order of `paths`."""
    names: list[str] = []
    faces: list[np.ndarray] = []
    for path in track(list(_files(paths)), "classify"):
        try:
            if path.is_dir():
                raise FerZooError(f"the folder {path} has no images")
            faces.append(read_image(path))
            names.append(_shown(path))
        except FerZooError as error:
            yield Failure(_shown(path), _shown(str(error)))
        if len(faces) == batch_size:
            yield from _classified(classifier, names, faces, labels, top_k)
            names, faces = [], []
    if faces:
        yield from _classified(classifier, names, faces, labels, top_k)


def _files(paths: list[Path]) -> Iterator[Path]:
    """The files, each folder replaced by the images anywhere below it; one without any stays, to be told of."""
    for path in paths:
        inside = sorted(file for file in path.rglob("*") if _is_image(file)) if path.is_dir() else []
        yield from inside or [path]


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()


def _classified(
    classifier: Classifier, names: list[str], faces: list[np.ndarray], labels: list[str], top_k: int
) -> Iterator[Prediction]:
    probabilities = classifier.predict_proba(np.stack(faces), batch_size=len(faces))
    for name, row in zip(names, probabilities, strict=True):
        order = np.argsort(-row, kind="stable")[:top_k]
        yield Prediction(name, tuple((labels[i], round(float(row[i]), 6)) for i in order))


def _shown(path: Path | str) -> str:
    """Text that can be printed: a file name may have bytes that are none."""
    return os.fsencode(path).decode(errors="replace")


def _write(text: str, output: Path | None) -> None:
    if output:
        write_text(output, text)
    else:
        sys.stdout.write(text)
        sys.stdout.flush()


def _text(form: str, classifier: Classifier, predictions: list[Prediction], failures: list[Failure], top_k: int) -> str:
    if form == "json":
        return _json(classifier, predictions, failures)
    return _csv(predictions, top_k) if form == "csv" else _plain_table(predictions)


def _table(predictions: list[Prediction]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("file", overflow="fold")
    for heading in ("expression", "", ""):
        table.add_column(heading, no_wrap=True)
    table.add_column("then", style="dim")
    for prediction in predictions:
        (label, probability), *others = prediction.expressions
        filled = round(probability * _BAR)
        bar = f"[green]{'█' * filled}[/green][dim]{'░' * (_BAR - filled)}[/dim]"
        then = ", ".join(f"{name} {share:.2f}" for name, share in others)
        table.add_row(prediction.file.replace("[", r"\["), label, bar, f"{probability:.2f}", then)
    return table


def _plain_table(predictions: list[Prediction]) -> str:
    """For a file or a pipe: no colours, and no line is broken to fit a terminal."""
    buffer = io.StringIO()
    Console(file=buffer, width=10_000).print(_table(predictions))
    return "".join(f"{line.rstrip()}\n" for line in buffer.getvalue().splitlines())


def _json(classifier: Classifier, predictions: list[Prediction], failures: list[Failure]) -> str:
    content = {
        "model": _shown(classifier.path),
        "runtime": classifier.runtime,
        "predictions": [
            {
                "file": prediction.file,
                "expressions": [{"label": label, "probability": share} for label, share in prediction.expressions],
            }
            for prediction in predictions
        ],
        "failures": [{"file": failure.file, "error": failure.error} for failure in failures],
    }
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _csv(predictions: list[Prediction], top_k: int) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(
        ["file", *(f"{column}_{rank}" for rank in range(1, top_k + 1) for column in ("label", "probability"))]
    )
    for prediction in predictions:
        writer.writerow([prediction.file, *(value for pair in prediction.expressions for value in pair)])
    return buffer.getvalue()


if __name__ == "__main__":
    sys.exit(run(main))
