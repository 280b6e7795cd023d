"""`fer-zoo predict PHOTO …`: the faces in photos and the expression on each, as a table, JSON, CSV or drawn in."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fer_zoo.backend import BACKENDS
from fer_zoo.cli.model_options import add_prior_option, fixed_prior
from fer_zoo.console import err, out, print_error, track, write_out
from fer_zoo.contract import FERPLUS_EXPRESSIONS, LABELS
from fer_zoo.crops import crop_centre
from fer_zoo.errors import FerZooError, UsageError
from fer_zoo.faces import Face, FaceDetector, crop_face
from fer_zoo.faces.results import BAR, Failure, Prediction, Results
from fer_zoo.files import write_text
from fer_zoo.inference import DEFAULT_MODEL, Classifier, load_classifier
from fer_zoo.pictures import SUFFIXES, read_picture
from fer_zoo.tables import print_table
from fer_zoo.video import VIDEO_SUFFIXES

_FORMATS = ("table", "json", "csv")

# Pictures up to this size on both sides are face crops unless told otherwise: FER2013's have 48 pixels, other sets 64.
_CROP_SIZE = 64


@dataclass(frozen=True, eq=False)
class _Found:
    """The faces of one file, waiting for their expressions; the picture only where it will be drawn on."""

    name: str
    faces: list[Face | None]
    crops: list[np.ndarray]
    picture: np.ndarray | None
    drawn: Path | None


def main(arguments: list[str]) -> int:
    options = _parser().parse_args(arguments)
    if any(path.suffix.lower() in VIDEO_SUFFIXES for path in options.files):
        from fer_zoo.cli.predict_video import predict_clip

        return predict_clip(options)
    if options.plot:
        raise UsageError("--plot shows expressions over time: it needs a video")
    form = form_of(options.format, options.output)
    drawings = _drawings(options.files, options.annotate)
    prior = fixed_prior(options.prior)
    classifier = load_classifier(options.model, threads=options.threads, backend=options.backend, prior=prior)
    results = Results(shown(classifier.path), classifier.runtime, min(options.top_k, len(classifier.labels)))
    labels = translated(classifier, options.language)
    waiting: list[_Found] = []
    detector: FaceDetector | None = None
    for path in track(list(_files(options.files)), "classify"):
        try:
            if path.is_dir():
                raise FerZooError(f"the folder {path} has no images")
            picture = read_picture(path)
            if picture.animated:
                err.print(f"{shown(path)} is an animation: its first frame was read", markup=False)
            if options.crop or (options.crop is None and max(picture.pixels.shape[:2]) <= _CROP_SIZE):
                found = _Found(shown(path), [None], [crop_centre(picture.pixels)], None, None)
                if path in drawings:
                    err.print(f"{shown(path)} is a face as a whole: there is nothing to draw on it", markup=False)
            else:
                detector = detector or FaceDetector(options.threads, size=options.detector_size)
                found = _in_photo(path, picture.rgb, detector, drawings.get(path))
            del picture
            waiting.append(found)
        except FerZooError as error:
            results.failures.append(Failure(shown(path), shown(str(error))))
            print_error(results.failures[-1].error)
        if sum(len(found.crops) for found in waiting) >= options.batch_size or drawings:
            _classify(classifier, waiting, labels, results, options)
    _classify(classifier, waiting, labels, results, options)
    for name in results.without_faces:
        err.print(f"no face was found in {name}; pass --crop if the whole picture is one", markup=False)
    if form == "table" and options.output is None and out.is_terminal:
        if results.predictions or results.without_faces:
            print_table(results.to_table(), optional=[BAR])
    else:
        _write(results.to_text(form), options.output)
    return 1 if results.failures else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Find the faces in photos and classify the expression on each; or follow the faces of one video. "
        "Exit code 1 when a file could not be read; the others are answered all the same.",
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="PHOTO", help="image file, folder of them, or a video")
    add_model_options(parser)
    parser.add_argument(
        "--top-k",
        type=int,
        choices=range(1, len(FERPLUS_EXPRESSIONS) + 1),
        default=3,
        help="expressions to tell of each face (default: %(default)s)",
    )
    parser.add_argument(
        "--crop",
        action=argparse.BooleanOptionalAction,
        help="every picture is a face already, cut as FER2013 cuts them; --no-crop: none is "
        f"(default: those of at most {_CROP_SIZE}x{_CROP_SIZE} pixels are)",
    )
    parser.add_argument(
        "--annotate",
        type=Path,
        metavar="PATH",
        help="draw the answers: a picture (or video) for one input, else a folder of pictures",
    )
    parser.add_argument("--plot", type=Path, metavar="PNG", help="of a video: the expressions over time")
    parser.add_argument("--batch-size", type=positive, default=32, help="faces in one call (default: %(default)s)")
    parser.add_argument("--format", choices=_FORMATS, help="default: as --output ends, else table")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write there instead of printing")
    return parser


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """The options that `predict` and `live` share."""
    parser.add_argument(
        "--model",
        default=DEFAULT_MODEL,
        help="model file, or a name as in the manifest: NAME, NAME:tflite, NAME:onnx:int8 (default: %(default)s)",
    )
    add_prior_option(parser)
    parser.add_argument("--language", choices=tuple(LABELS), default="en", help="of the labels (default: %(default)s)")
    parser.add_argument("--threads", type=positive, default=1, help="CPU threads (default: %(default)s)")
    parser.add_argument("--backend", choices=BACKENDS, help="Keras backend, for a .keras model")
    parser.add_argument(
        "--detector-size",
        type=positive,
        default=640,
        metavar="PIXELS",
        help="longer side of what the face detector sees; more finds smaller faces, slower (default: %(default)s)",
    )


def positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def translated(classifier: Classifier, language: str) -> list[str]:
    """The classifier's labels in a language."""
    words = dict(zip(FERPLUS_EXPRESSIONS, LABELS[language], strict=True))
    return [words.get(label, label) for label in classifier.labels]


def shown(path: Path | str) -> str:
    """Text that can be printed: a file name may have bytes that are none."""
    return os.fsencode(path).decode(errors="replace")


def form_of(chosen: str | None, output: Path | None) -> str:
    """The form of the answer: what was chosen, else as the output's name ends, else `table`."""
    suffix = output.suffix.lower().removeprefix(".") if output else ""
    return chosen or (suffix if suffix in _FORMATS else "table")


def _files(paths: list[Path]) -> Iterator[Path]:
    """The files, each folder replaced by the images anywhere below it; one without any stays, to be told of."""
    for path in paths:
        inside = sorted(file for file in path.rglob("*") if _is_image(file)) if path.is_dir() else []
        yield from inside or [path]


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()


def _drawings(paths: list[Path], target: Path | None) -> dict[Path, Path]:
    """Where the drawing of each file goes: `target` itself for a single one, else a name of its own in that folder."""
    if target is None:
        return {}
    from fer_zoo.faces.annotate import check_picture_name

    files = list(_files(paths))
    if target.suffix and not target.is_dir():
        if len(files) > 1 or paths[0].is_dir():
            raise UsageError(f"--annotate {target} is one picture, but there are more inputs; give a folder")
        check_picture_name(target)
        return {files[0]: target}
    taken: set[str] = set()
    drawings = {}
    for file in files:
        stem, count = file.stem, 1
        while stem in taken:
            count += 1
            stem = f"{file.stem}-{count}"
        taken.add(stem)
        drawings[file] = target / f"{stem}.jpg"
        if any(drawings[file].absolute() == other.absolute() for other in files):
            raise UsageError(f"--annotate {target} would write over {drawings[file]}; give another folder")
    return drawings


def _in_photo(path: Path, photo: np.ndarray, detector: FaceDetector, drawn: Path | None) -> _Found:
    faces = detector.detect(photo)
    crops = [crop_face(photo, face) for face in faces]
    return _Found(shown(path), list(faces), crops, photo if drawn else None, drawn)


def _classify(
    classifier: Classifier, waiting: list[_Found], labels: list[str], results: Results, options: argparse.Namespace
) -> None:
    """Answer what waits, all faces in batches, and empty the list."""
    crops = [crop for found in waiting for crop in found.crops]
    rows = iter(classifier.predict_proba(np.stack(crops), options.batch_size) if crops else ())
    for found in waiting:
        answers = [next(rows) for _ in found.crops]
        for number, (face, row) in enumerate(zip(found.faces, answers, strict=True), start=1):
            order = np.argsort(-row, kind="stable")[: options.top_k]
            expressions = tuple((labels[i], round(float(row[i]), 6)) for i in order)
            results.predictions.append(Prediction(found.name, number, face, expressions))
        if not answers:
            results.without_faces.append(found.name)
        if found.picture is not None and found.drawn is not None:
            _draw(found.picture, found.drawn, [face for face in found.faces if face], answers, labels)
    waiting.clear()


def _draw(photo: np.ndarray, path: Path, faces: list[Face], answers: list[np.ndarray], labels: list[str]) -> None:
    from fer_zoo.faces.annotate import annotate, caption, save_picture

    captions, colors = zip(*(caption(row, labels) for row in answers), strict=True) if answers else ((), ())
    save_picture(path, annotate(photo, faces, captions, colors))


def _write(text: str, output: Path | None) -> None:
    if output:
        write_text(output, text)
    else:
        write_out(text)
