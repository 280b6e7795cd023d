"""`fer-zoo live`: classifies the faces in front of a camera in real time."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path

from fer_zoo.cli.model_options import fixed_prior
from fer_zoo.cli.predict import add_model_options
from fer_zoo.console import err, out
from fer_zoo.contract import translated
from fer_zoo.errors import FerZooError, UsageError
from fer_zoo.faces import FaceDetector
from fer_zoo.files import check_writable, write_json, write_text
from fer_zoo.inference import load_classifier
from fer_zoo.option_types import positive, positive_number
from fer_zoo.text import plural
from fer_zoo.video.camera import Camera, Latest
from fer_zoo.video.frames import Video
from fer_zoo.video.recorder import Recorder
from fer_zoo.video.timeline import check_plot
from fer_zoo.video.tracker import FaceTracker
from fer_zoo.video.views import Bars, View, Window


def main(arguments: list[str]) -> None:
    options = _parser().parse_args(arguments)
    if options.plot:
        check_plot(options.plot)
    if options.output and options.output.suffix.lower() not in (".csv", ".json"):
        raise UsageError(f"{options.output} must end in .csv or .json")
    for path in (options.output, options.plot, options.annotate):
        if path:
            check_writable(path)
    is_file = not options.camera.isdigit() and "://" not in options.camera
    source = Camera(int(options.camera)) if options.camera.isdigit() else Video(options.camera, options.threads)
    prior = fixed_prior(options.prior)
    classifier = load_classifier(
        options.model, threads=options.threads, backend=options.backend, prior=prior, isolated=options.isolated
    )
    labels = translated(classifier.labels, options.language)
    tracker = FaceTracker(classifier, FaceDetector(options.threads, size=options.detector_size))
    keep = bool(options.output or options.plot)
    with source as video, Recorder(labels, options.annotate, video.rate, keep=keep) as recorder:
        latest = Latest(video, real_time=is_file)
        view = _view(options.window, labels, video.name)
        timeline = recorder.timeline
        frames = iter(latest)
        try:
            for frame in frames:
                if timeline.frames and frame.seconds >= options.duration:
                    break
                faces = tracker.update(frame.image, frame.seconds)
                recorder.add(frame, faces)
                if view and not view.show(recorder.drawn(frame, faces), faces):
                    break
                if timeline.frames >= options.frames:
                    break
        except KeyboardInterrupt:
            pass
        finally:
            frames.close()
            if view:
                view.close()
        if not timeline.frames:
            raise FerZooError(f"{video.name} gave no frame")
        if isinstance(video, Video) and video.breaks_off:
            err.print(f"{video.name} broke off", markup=False)
    if options.output and options.output.suffix.lower() == ".json":
        write_json(options.output, {"faces": timeline.summary(), "timeline": timeline.rows()})
    elif options.output:
        write_text(options.output, timeline.to_csv())
    if options.plot:
        timeline.plot(options.plot)
    out.print(
        f"{plural(timeline.frames, 'frame')} in {timeline.seconds:.1f} s "
        f"({timeline.frames / max(timeline.seconds, 1e-3):.1f} per second), {latest.dropped} dropped"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Follow the faces in front of a camera and classify their expressions until Ctrl-C. Frames that "
        "arrive while another one is processed are dropped, so that the display is always up to date. Nothing leaves "
        "this machine.",
    )
    parser.add_argument(
        "--camera",
        default="0",
        help="number of the camera, a URL (rtsp://…), or a video file in place of a camera (default: %(default)s)",
    )
    parser.add_argument(
        "--duration", type=positive_number, default=math.inf, metavar="SECONDS", help="stop after this time"
    )
    parser.add_argument("--frames", type=positive, default=sys.maxsize, metavar="N", help="stop after N frames")
    parser.add_argument("--annotate", type=Path, metavar="VIDEO", help="write an annotated copy of the video")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the timeline as .csv or .json")
    parser.add_argument("--plot", type=Path, metavar="PNG", help="draw the expressions over time")
    parser.add_argument(
        "--window",
        action=argparse.BooleanOptionalAction,
        help="display the picture in a window (default: if there is a screen, else bars in the terminal)",
    )
    add_model_options(parser)
    return parser


def _view(window: bool | None, labels: Sequence[str], title: str) -> View | None:
    if window is not False:
        try:
            return Window(title)
        except UsageError as error:
            if window:
                raise
            if out.is_terminal:
                err.print(str(error), markup=False)
    return Bars(labels) if out.is_terminal else None
