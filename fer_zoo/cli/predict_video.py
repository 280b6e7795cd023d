"""`fer-zoo predict CLIP.mp4`: the faces of a video and their expressions over time."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

from fer_zoo.cli.model_options import fixed_prior
from fer_zoo.cli.predict import form_of
from fer_zoo.cli.predict_inputs import check_targets
from fer_zoo.console import err, out, track, write_out
from fer_zoo.contract import translated
from fer_zoo.errors import FerZooError, UsageError
from fer_zoo.faces import FaceDetector
from fer_zoo.files import write_text
from fer_zoo.inference import load_classifier
from fer_zoo.tables import print_table
from fer_zoo.text import plural, printable
from fer_zoo.video.frames import Video
from fer_zoo.video.recorder import Recorder
from fer_zoo.video.timeline import Timeline, check_plot
from fer_zoo.video.tracker import FaceTracker
from fer_zoo.video.writer import check_video_name


def predict_clip(options: argparse.Namespace) -> int:
    """Follow the faces of the one video in `options.files`; returns 1 if the video ends too early.

    Raises:
        UsageError: There are more inputs, an option is only for pictures, an output cannot be written, or PyAV is
            missing.
        FerZooError: No frame of the video can be read.
    """
    if len(options.files) > 1:
        raise UsageError("give one video at a time, and photos apart from it")
    if options.crop:
        raise UsageError("--crop is for pictures, not for videos")
    if options.resume:
        raise UsageError("--resume is for pictures, not for videos")
    if options.plot:
        check_plot(options.plot)
    if options.annotate:
        check_video_name(options.annotate)
    form = form_of(options.format, options.output)
    if form == "jsonl":
        raise UsageError("JSON lines are for pictures, not for videos; give a name in .json or .csv")
    path: Path = options.files[0]
    check_targets([path], annotate=options.annotate, output=options.output, plot=options.plot)
    start = time.perf_counter()
    interrupted = False
    with Video(path, options.threads) as video:
        prior = fixed_prior(options.prior)
        classifier = load_classifier(
            options.model, threads=options.threads, backend=options.backend, prior=prior, isolated=options.isolated
        )
        tracker = FaceTracker(classifier, FaceDetector(options.threads, size=options.detector_size))
        labels = translated(classifier.labels, options.language)
        with Recorder(labels, options.annotate, video.rate, empty=options.empty, video=video) as recorder:
            try:
                for frame in track(video, "frames", video.count or None):
                    recorder.add(frame, tracker.update(frame.image, frame.seconds))
            except KeyboardInterrupt:
                # The results so far are written.
                interrupted = True
            timeline = recorder.timeline
            if not timeline.frames:
                if interrupted:
                    raise KeyboardInterrupt
                raise FerZooError(f"{printable(path)} is damaged: no frame of it can be read")
    seconds = time.perf_counter() - start
    if options.plot:
        timeline.plot(options.plot)
    if form == "table" and options.output is None:
        if timeline.summary():
            print_table(timeline.to_table())
        else:
            larger = f"; small ones need a --detector-size above {options.detector_size}" if tracker.shrinks else ""
            out.print(f"no face was found in {printable(path)}{larger}", markup=False)
        out.print(f"{plural(timeline.frames, 'frame')} in {seconds:.1f} s, {timeline.frames / seconds:.0f} per second")
    else:
        head = {"video": printable(path), "model": printable(classifier.path), "runtime": classifier.runtime}
        text = _text(form, timeline, head, video.skipped)
        if options.output:
            write_text(options.output, text)
        else:
            write_out(text)
    if interrupted:
        raise KeyboardInterrupt
    if video.skipped and not video.breaks_off:
        err.print(f"{plural(video.skipped, 'frame')} of {printable(path)} damaged and left out", markup=False)
    if video.breaks_off:
        end = f"after {plural(timeline.frames, 'frame')} ({timeline.seconds:.1f} s)"
        err.print(f"{printable(path)} breaks off {end}: it is damaged or cut", markup=False)
        return 1
    return 0


def _text(form: str, timeline: Timeline, head: dict[str, str], skipped: int) -> str:
    if form == "csv":
        return timeline.to_csv()
    if form == "json":
        summary: dict[str, Any] = {"frames": timeline.frames, "damaged_frames": skipped}
        summary |= {"seconds": round(timeline.seconds, 3), "faces": timeline.summary()}
        return json.dumps(head | summary | {"timeline": timeline.rows()}, ensure_ascii=False) + "\n"
    lines = (
        f"face {face['face']}, {face['from']:.1f} to {face['to']:.1f} s: "
        + ", ".join(f"{entry['label']} {entry['share']:.0%}" for entry in face["expressions"])
        for face in timeline.summary()
    )
    return "".join(f"{line}\n" for line in lines)
