"""`fer-zoo predict CLIP.mp4`: the faces of a video and their expressions over time."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from fer_zoo.cli.model_options import fixed_prior
from fer_zoo.cli.predict import form_of, shown, translated
from fer_zoo.console import err, out, track, write_out
from fer_zoo.errors import FerZooError, UsageError
from fer_zoo.faces import FaceDetector
from fer_zoo.files import write_text
from fer_zoo.inference import load_classifier
from fer_zoo.tables import print_table
from fer_zoo.text import plural
from fer_zoo.video.frames import Video, opencv
from fer_zoo.video.recorder import Recorder
from fer_zoo.video.timeline import Timeline, check_plot
from fer_zoo.video.tracker import FaceTracker


def predict_clip(options: argparse.Namespace) -> int:
    """Follow the faces of the one video in `options.files`; 1 when it breaks off early.

    Raises:
        UsageError: There are more inputs, `--crop` is given, or OpenCV is missing.
        FerZooError: It cannot be read at all.
    """
    if len(options.files) > 1:
        raise UsageError("give one video at a time, and photos apart from it")
    if options.crop:
        raise UsageError("--crop is for pictures, not for videos")
    if options.plot:
        check_plot(options.plot)
    opencv().setNumThreads(options.threads)
    path: Path = options.files[0]
    if options.annotate and options.annotate.resolve() == path.resolve():
        raise UsageError(f"--annotate {options.annotate} would write over the video; give another name")
    start = time.perf_counter()
    with Video(path) as video:
        prior = fixed_prior(options.prior)
        classifier = load_classifier(options.model, threads=options.threads, backend=options.backend, prior=prior)
        tracker = FaceTracker(classifier, FaceDetector(options.threads, size=options.detector_size))
        with Recorder(translated(classifier, options.language), options.annotate, video.rate) as recorder:
            for frame in track(video, "frames", video.count or None):
                recorder.add(frame, tracker.update(frame.image, frame.seconds))
            timeline = recorder.timeline
            if not timeline.frames:
                raise FerZooError(f"{shown(path)} is damaged: no frame of it can be read")
    seconds = time.perf_counter() - start
    if options.plot:
        timeline.plot(options.plot)
    form = form_of(options.format, options.output)
    if form == "table" and options.output is None:
        if timeline.summary():
            print_table(timeline.to_table())
        else:
            out.print(f"no face was found in {shown(path)}", markup=False)
        out.print(f"{plural(timeline.frames, 'frame')} in {seconds:.1f} s, {timeline.frames / seconds:.0f} per second")
    else:
        head = {"video": shown(path), "model": shown(classifier.path), "runtime": classifier.runtime}
        text = _text(form, timeline, head)
        if options.output:
            write_text(options.output, text)
        else:
            write_out(text)
    # Containers count a frame more or less than there are.
    if timeline.frames < 0.98 * video.count - 1:
        said = f"{shown(path)} breaks off after {timeline.frames} of {video.count} frames: it is damaged or cut"
        err.print(said, markup=False)
        return 1
    return 0


def _text(form: str, timeline: Timeline, head: dict[str, str]) -> str:
    if form == "csv":
        return timeline.to_csv()
    if form == "json":
        facts = {"frames": timeline.frames, "seconds": round(timeline.seconds, 3), "faces": timeline.summary()}
        return json.dumps(head | facts | {"timeline": timeline.rows()}, ensure_ascii=False) + "\n"
    lines = (
        f"face {face['face']}, {face['from']:.1f} to {face['to']:.1f} s: "
        + ", ".join(f"{entry['label']} {entry['share']:.0%}" for entry in face["expressions"])
        for face in timeline.summary()
    )
    return "".join(f"{line}\n" for line in lines)
