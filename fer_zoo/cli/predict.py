"""`fer-zoo predict PHOTO …`: the faces in photos and the expression on each, as a table, JSON, CSV or drawn in."""

from __future__ import annotations

import argparse
import errno
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fer_zoo.backend import BACKENDS
from fer_zoo.cli.model_options import add_prior_option, fixed_prior
from fer_zoo.cli.predict_inputs import check_targets, find_drawings, find_inputs
from fer_zoo.console import err, out, print_error, track, write_out
from fer_zoo.contract import LABELS, translated
from fer_zoo.errors import FerZooError, UsageError
from fer_zoo.faces import Face, FaceDetector
from fer_zoo.faces.results import BAR, Failure, Prediction, Results
from fer_zoo.faces.search import CROP_SIZE, search_photo
from fer_zoo.files import write_text
from fer_zoo.inference import DEFAULT_MODEL, Classifier, load_classifier
from fer_zoo.pictures import read_picture
from fer_zoo.tables import print_table
from fer_zoo.text import plural, printable, some
from fer_zoo.video import VIDEO_SUFFIXES

_FORMATS = ("table", "json", "csv")
# Of a file's name, and the form that it stands for.
_SUFFIXES = {".json": "json", ".csv": "csv", ".txt": "table", "": "table"}


@dataclass(frozen=True, eq=False)
class _Found:
    """The faces of one file, waiting for their expressions; the picture only where it will be drawn on.

    Attributes:
        shrunk: Whether the detector saw a smaller picture, in which small faces may have been lost.
    """

    name: str
    faces: list[Face | None]
    crops: list[np.ndarray]
    picture: np.ndarray | None = None
    drawn: Path | None = None
    shrunk: bool = False


def main(arguments: list[str]) -> int:
    options = _parser().parse_args(arguments)
    if stream := next((argument for argument in arguments if "://" in argument), None):
        raise UsageError(f"{stream} is no file; watch a stream with `fer-zoo live --camera URL`")
    if any(path.suffix.lower() in VIDEO_SUFFIXES for path in options.files):
        from fer_zoo.cli.predict_video import predict_clip

        return predict_clip(options)
    if options.plot:
        raise UsageError("--plot shows expressions over time: it needs a video")
    form = form_of(options.format, options.output)
    inputs = find_inputs(options.files)
    check_targets(inputs.files, output=options.output)
    single = len(options.files) == 1 and inputs.files == options.files
    drawings = find_drawings(inputs.files, options.annotate, single)
    prior = fixed_prior(options.prior)
    classifier = load_classifier(
        options.model, threads=options.threads, backend=options.backend, prior=prior, isolated=options.isolated
    )
    top_k = min(options.top_k, len(classifier.labels))
    results = Results(printable(classifier.path), classifier.runtime, top_k, options.empty)
    if inputs.left_out:
        names = some([printable(path) for path in inputs.left_out])
        err.print(f"{plural(len(inputs.left_out), 'file')} left out, by name no image: {names}", markup=False)
    for failure in inputs.failures:
        _fail(results, failure)
    problem: BaseException | None = None
    try:
        _answer(inputs.files, drawings, classifier, results, options, streamed=form == "csv" and not options.output)
    except (KeyboardInterrupt, FerZooError, OSError, MemoryError) as error:
        # What is answered so far is kept.
        problem = error
        err.print(f"stopped after {len(results.answers):,} of {plural(len(inputs.files), 'file')}")
    if results.answers or problem is None:
        _write(results, form, options.output)
    if problem:
        raise problem
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
        type=positive,
        metavar="N",
        default=3,
        help="expressions to tell of each face (default: %(default)s)",
    )
    parser.add_argument(
        "--crop",
        action=argparse.BooleanOptionalAction,
        help="every picture is a face already, cut as FER2013 cuts them; --no-crop: none is "
        f"(default: those of at most {CROP_SIZE}x{CROP_SIZE} pixels are)",
    )
    parser.add_argument(
        "--annotate",
        type=Path,
        metavar="PATH",
        help="draw the answers: a picture (or video) for one input, else a folder of pictures",
    )
    parser.add_argument(
        "--empty", action="store_true", help="CSV rows for photos, and rows for frames, without a face too"
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
        "--isolated",
        action="store_true",
        help="run the model in a process of its own, with limits of memory and time: for a file that is not trusted",
    )
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


def form_of(chosen: str | None, output: Path | None) -> str:
    """The form of the answer: what was chosen, else as the output's name ends, else `table`.

    Raises:
        UsageError: The name of the output ends otherwise, and no form was chosen.
    """
    if chosen or output is None:
        return chosen or "table"
    form = _SUFFIXES.get(output.suffix.lower())
    if form is None:
        raise UsageError(f"{output} must end in .json, .csv or .txt (a table); or choose the form with --format")
    return form


def _answer(
    files: list[Path],
    drawings: dict[Path, Path],
    classifier: Classifier,
    results: Results,
    options: argparse.Namespace,
    streamed: bool,
) -> None:
    """Read the files and put their answers into `results`; on stdout too, as CSV, where that is `streamed`."""
    waiting: list[_Found] = []
    labels = translated(classifier.labels, options.language)
    detector = FaceDetector(options.threads, size=options.detector_size)
    if streamed:
        write_out(results.csv_header())
    for number, path in enumerate(track(files, "classify", len(files)), start=1):
        try:
            photo = search_photo(path, detector, whole=options.crop)
            if photo.animated:
                err.print(f"{printable(path)} is an animation: its first frame was read", markup=False)
            if photo.faces is None:
                waiting.append(_Found(printable(path), [None], list(photo.crops)))
                if path in drawings:
                    err.print(f"{printable(path)} is a face as a whole: there is nothing to draw on it", markup=False)
            else:
                picture = read_picture(path).rgb if path in drawings else None
                shrunk = max(photo.width, photo.height) > detector.size
                faces = photo.faces
                waiting.append(
                    _Found(printable(path), [*faces], list(photo.crops), picture, drawings.get(path), shrunk)
                )
        except FerZooError as error:
            _fail(results, Failure(printable(path), printable(str(error))))
        if sum(len(found.crops) for found in waiting) >= options.batch_size or drawings or number == len(files):
            answered = len(results.answers)
            _classify(classifier, waiting, labels, results, options)
            if streamed:
                write_out(results.csv_rows(answered))


def _write(results: Results, form: str, output: Path | None) -> None:
    """Write the answers to a file or to stdout, where those in CSV are already."""
    if output:
        write_text(output, results.to_text(form))
    elif form == "table" and out.is_terminal:
        if results.answers:
            print_table(results.to_table(), optional=[BAR])
    elif form != "csv":
        write_out(results.to_text(form))


def _fail(results: Results, failure: Failure) -> None:
    results.failures.append(failure)
    print_error(failure.error)


def _classify(
    classifier: Classifier, waiting: list[_Found], labels: Sequence[str], results: Results, options: argparse.Namespace
) -> None:
    """Answer what waits, all faces in batches, and empty the list."""
    crops = [crop for found in waiting for crop in found.crops]
    rows = iter(classifier.predict_proba(np.stack(crops), options.batch_size) if crops else ())
    for found in waiting:
        answers = [next(rows) for _ in found.crops]
        predictions = []
        for number, (face, row) in enumerate(zip(found.faces, answers, strict=True), start=1):
            order = np.argsort(-row, kind="stable")[: options.top_k]
            expressions = tuple((labels[i], round(float(row[i]), 6)) for i in order)
            predictions.append(Prediction(found.name, number, face, expressions))
        results.answers.append((found.name, predictions))
        if not answers:
            larger = f", a --detector-size above {options.detector_size} for small faces" if found.shrunk else ""
            err.print(
                f"no face was found in {found.name}; pass --crop if the whole picture is one{larger}", markup=False
            )
        if found.picture is not None and found.drawn is not None:
            try:
                _draw(found.picture, found.drawn, [face for face in found.faces if face], answers, labels)
            except OSError as error:
                if error.errno == errno.ENOSPC:
                    raise
                sentence = f"{printable(found.drawn)} cannot be written: {error.strerror}"
                _fail(results, Failure(found.name, sentence))
    waiting.clear()


def _draw(photo: np.ndarray, path: Path, faces: list[Face], answers: list[np.ndarray], labels: Sequence[str]) -> None:
    from fer_zoo.faces.annotate import annotate, caption, save_picture

    captions, colors = zip(*(caption(row, labels) for row in answers), strict=True) if answers else ((), ())
    save_picture(path, annotate(photo, faces, captions, colors))
