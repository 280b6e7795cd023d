"""`fer-zoo predict CLIP.mp4`: the faces of a video and their expressions over time."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fer_zoo.cli.model_options import fixed_prior
from fer_zoo.cli.predict import form_of
from fer_zoo.cli.predict_inputs import check_targets
from fer_zoo.console import err, out, track, write_out
from fer_zoo.contract import translated
from fer_zoo.errors import FerZooError, UsageError
from fer_zoo.faces import FaceDetector
from fer_zoo.files import write_text
from fer_zoo.inference import Classifier, load_classifier
from fer_zoo.tables import print_table
from fer_zoo.text import plural, printable
from fer_zoo.video.frames import Video
from fer_zoo.video.listener import Listener
from fer_zoo.video.recorder import Recorder
from fer_zoo.video.timeline import Timeline, check_plot
from fer_zoo.video.tracker import FaceTracker, TrackedFace
from fer_zoo.video.writer import check_video_name
from fer_zoo.voice import VoiceClassifier, load_voice, read_audio


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
    if options.voice_weight is not None and not options.voice:
        raise UsageError("--voice-weight needs --voice")
    start = time.perf_counter()
    interrupted = False
    with Video(path, options.threads) as video:
        prior = fixed_prior(options.prior)
        classifier = load_classifier(
            options.model, threads=options.threads, backend=options.backend, prior=prior, isolated=options.isolated
        )
        tracker = FaceTracker(classifier, FaceDetector(options.threads, size=options.detector_size))
        labels = translated(classifier.labels, options.language)
        voice = load_voice(threads=options.threads) if options.voice else None
        voices = translated(voice.labels, options.language) if voice else ()
        listener: Listener | None = None
        with Recorder(
            labels, options.annotate, video.rate, empty=options.empty, video=video, voices=voices
        ) as recorder:
            try:
                for frame in track(video, "frames", video.count or None):
                    faces: Sequence[TrackedFace] = tracker.update(frame.image, frame.seconds)
                    moment = None
                    if voice:
                        # Only now it is known when the first frame is shown.
                        listener = listener or _listener(path, video.start, voice, classifier, options.voice_weight)
                        faces, moment = listener.hear(frame.seconds, faces)
                    recorder.add(frame, faces, moment)
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
        if timeline.summary() or timeline.voice_summary():
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


def _listener(
    path: Path, start: float, voice: VoiceClassifier, classifier: Classifier, weight: float | None
) -> Listener:
    """Decode the sound of a video, find the speech in it, and classify that."""
    sound = read_audio(path, start)
    if sound is None:
        err.print(f"{printable(path)} has no sound that can be decoded: --voice changes nothing", markup=False)
        sound = np.zeros(0, np.float32)
    weight = voice.weight if weight is None else weight
    return Listener(voice.follow(sound), classifier.labels, weight, classifier.population())


def _text(form: str, timeline: Timeline, head: dict[str, str], skipped: int) -> str:
    if form == "csv":
        return timeline.to_csv()
    if form == "json":
        summary: dict[str, Any] = {"frames": timeline.frames, "damaged_frames": skipped}
        summary |= {"seconds": round(timeline.seconds, 3), "faces": timeline.summary()}
        if voice := timeline.voice_summary():
            summary["voice"] = voice
        return json.dumps(head | summary | {"timeline": timeline.rows()}, ensure_ascii=False) + "\n"
    named = [(f"face {face['face']}", face) for face in timeline.summary()]
    if voice := timeline.voice_summary():
        named.append(("voice", voice))
    lines = (
        f"{name}, {found['from']:.1f} to {found['to']:.1f} s: "
        + ", ".join(f"{entry['label']} {entry['share']:.0%}" for entry in found["expressions"])
        for name, found in named
    )
    return "".join(f"{line}\n" for line in lines)
