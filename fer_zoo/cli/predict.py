"""`fer-zoo predict PHOTO …`: the faces in photos and the expression on each, as a table, JSON, CSV or drawn in."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from fer_zoo.backend import BACKENDS
from fer_zoo.cli.model_options import add_prior_option
from fer_zoo.cli.predict_inputs import check_targets, find_drawings, find_inputs
from fer_zoo.cli.predict_output import DocumentOutput, PhotoOutput, RowOutput
from fer_zoo.console import err, track
from fer_zoo.contract import LABELS, translated
from fer_zoo.cpu import cores
from fer_zoo.distributed.addresses import is_address
from fer_zoo.errors import UsageError
from fer_zoo.faces import FaceDetector
from fer_zoo.faces.result_rows import finished_files
from fer_zoo.faces.results import Failure, Results
from fer_zoo.faces.search import CROP_SIZE
from fer_zoo.inference import DEFAULT_MODEL, Classifier, load_classifier
from fer_zoo.inference.photo_predictor import PhotoPredictor, PhotoResult
from fer_zoo.inference.prior import adapt, estimate_prior
from fer_zoo.memory import keep_memory
from fer_zoo.option_types import not_negative, positive
from fer_zoo.text import plural, printable, some
from fer_zoo.video import VIDEO_SUFFIXES

_FORMATS = ("table", "json", "csv", "jsonl")
# The format that the suffix of the output's file name stands for.
_SUFFIXES = {".json": "json", ".csv": "csv", ".jsonl": "jsonl", ".txt": "table", "": "table"}


def main(arguments: list[str]) -> int:
    options = _parser().parse_args(arguments)
    if options.engine == "ray":
        from fer_zoo.cli.predict_ray import predict_into_parquet

        return predict_into_parquet(options)
    if stream := next((argument for argument in arguments if "://" in argument), None):
        raise UsageError(
            f"{stream} is no file; read photos of a store with --engine ray, watch a stream with "
            "`fer-zoo live --camera URL`"
        )
    if any(path.suffix.lower() in VIDEO_SUFFIXES for path in options.files):
        from fer_zoo.cli.predict_video import predict_clip

        return predict_clip(options)
    if options.plot:
        raise UsageError("--plot shows expressions over time: it needs a video")
    if options.voice or options.voice_weight is not None:
        raise UsageError("--voice listens to the sound of a video: photos have none")
    form = form_of(options.format, options.output)
    estimated = options.prior == "estimate"
    if options.resume and (options.output is None or form not in ("csv", "jsonl") or estimated):
        raise UsageError("--resume continues an --output in CSV or JSON lines, and not with --prior estimate")
    inputs = find_inputs(options.files)
    check_targets(inputs.files, output=options.output)
    single = len(options.files) == 1 and inputs.files == options.files
    drawings = find_drawings(inputs.files, options.annotate, single)
    prior = None if estimated else options.prior
    classifier = load_classifier(
        options.model, threads=options.threads, backend=options.backend, prior=prior, isolated=options.isolated
    )
    labels = translated(classifier.labels, options.language)
    top_k = min(options.top_k, len(labels))
    detector = FaceDetector(options.threads, size=options.detector_size)
    predictor = PhotoPredictor(classifier, detector, labels, options.crop, drawings, options.batch_size)
    if inputs.left_out:
        names = some([printable(path) for path in inputs.left_out])
        err.print(f"{plural(len(inputs.left_out), 'file')} left out, by name no image: {names}", markup=False)
    finished, size = set[str](), 0
    if options.resume and options.output.exists():
        finished, size = finished_files(options.output, form, top_k)
    files = [file for file in inputs.files if printable(file) not in finished]
    if finished:
        count = plural(len(inputs.files) - len(files), "file")
        err.print(f"{count} of {len(inputs.files):,} are in {printable(options.output)} already", markup=False)
    output: PhotoOutput
    if form in ("csv", "jsonl"):
        output = RowOutput(options.output, len(files), form, top_k, options.empty, size)
    else:
        output = DocumentOutput(
            options.output, len(files), form, Results(printable(classifier.path), classifier.runtime)
        )
    keep_memory()
    with output:
        for failure in inputs.failures:
            output.fail(failure)
        jobs = options.jobs or max(1, cores() // options.threads)
        results = track(predictor.predict(files, jobs), "classify", len(files))
        drawn = {printable(file) for file in drawings}
        for result in _adapted(list(results), classifier) if estimated else results:
            for remark in _remarks(result, result.file in drawn, detector.size):
                err.print(remark, markup=False)
            _report(result, output, labels, top_k)
    return 1 if output.failed else 0


def _adapted(results: list[PhotoResult], classifier: Classifier) -> list[PhotoResult]:
    """The results, adapted from the class frequencies in training to those of all these faces together."""
    known = classifier.known_prior()
    prior = estimate_prior(np.concatenate([result.probabilities for result in results]), known)
    return [replace(result, probabilities=adapt(result.probabilities, known, prior)) for result in results]


def _remarks(result: PhotoResult, drawn: bool, detector_size: int) -> Iterator[str]:
    """Messages about a photo that are not in its result."""
    if result.animated:
        yield f"{result.file} is an animation: its first frame was read"
    if drawn and list(result.faces) == [None]:
        yield f"{result.file} is a face as a whole: there is nothing to draw on it"
    if result.size and not result.faces:
        shrunk = max(result.size) > detector_size
        larger = f", a --detector-size above {detector_size} for small faces" if shrunk else ""
        yield f"no face was found in {result.file}; pass --crop if the whole picture is one{larger}"


def _report(result: PhotoResult, output: PhotoOutput, labels: Sequence[str], top_k: int) -> None:
    for error in result.errors:
        output.fail(Failure(result.file, error))
    if result.size:
        output.add(result.file, result.predictions(labels, top_k))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Find the faces in photos and classify the expression on each; or follow the faces of one video. "
        "Exit code 1 when a file could not be read; the others are classified all the same.",
    )
    parser.add_argument(
        "files", nargs="+", type=_path_or_address, metavar="PHOTO", help="image file, folder of them, or a video"
    )
    add_model_options(parser)
    parser.add_argument(
        "--top-k",
        type=positive,
        metavar="N",
        default=3,
        help="number of expressions for each face (default: %(default)s)",
    )
    parser.add_argument(
        "--crop",
        action=argparse.BooleanOptionalAction,
        help="take every picture as one face, cropped as in FER2013; --no-crop: search every picture for faces "
        f"(default: take pictures of at most {CROP_SIZE}x{CROP_SIZE} pixels as faces)",
    )
    parser.add_argument(
        "--annotate",
        type=Path,
        metavar="PATH",
        help="write annotated copies: a picture (or video) for one input, else a folder of pictures",
    )
    parser.add_argument(
        "--empty", action="store_true", help="also write CSV rows for photos, and rows for frames, without a face"
    )
    parser.add_argument("--plot", type=Path, metavar="PNG", help="plot the expressions of a video over time")
    parser.add_argument(
        "--voice", action="store_true", help="listen to the sound of a video, too, and join voice and face"
    )
    parser.add_argument(
        "--voice-weight",
        type=not_negative,
        metavar="W",
        help="how much the voice counts beside a face: 0 not at all, 1 as much (default: what fitted simulated pairs)",
    )
    parser.add_argument("--batch-size", type=positive, default=32, help="faces in one call (default: %(default)s)")
    parser.add_argument(
        "--jobs", type=positive, metavar="N", help="photos at the same time (default: as many as there are cores)"
    )
    parser.add_argument("--format", choices=_FORMATS, help="default: by the suffix of --output, else table")
    parser.add_argument("--output", type=_path_or_address, metavar="FILE", help="write there instead of printing")
    parser.add_argument(
        "--resume",
        action="store_true",
        help="continue an earlier --output in CSV or JSON lines: files with rows in it are not read again",
    )
    parser.add_argument(
        "--engine",
        choices=("ray",),
        help="spread the photos, which may be at addresses (s3://…), over Ray's workers, as many as --jobs says; "
        "--output is then a folder of Parquet files, NAME.parquet",
    )
    return parser


def _path_or_address(text: str) -> Path | str:
    return text if is_address(text) else Path(text)


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """The options that `predict` and `live` share."""
    parser.add_argument(
        "--model",
        default=DEFAULT_MODEL,
        help="model file, or a name of the zoo: NAME, NAME:tflite, NAME:onnx:int8 (default: %(default)s)",
    )
    add_prior_option(parser)
    parser.add_argument(
        "--language", choices=tuple(LABELS), default="en", help="language of the labels (default: %(default)s)"
    )
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
        help="longer side of the face detector's input; more finds smaller faces, but is slower (default: %(default)s)",
    )


def form_of(chosen: str | None, output: Path | None) -> str:
    """The output format: the chosen one, else the one that the output's file name ends with, else `table`.

    Raises:
        UsageError: No format was chosen, and the file name ends with none of the known suffixes.
    """
    if chosen or output is None:
        return chosen or "table"
    form = _SUFFIXES.get(output.suffix.lower())
    if form is None:
        raise UsageError(f"{output} must end in .csv, .json, .jsonl or .txt (a table), or choose with --format")
    return form
