"""Records the results of a video: a timeline, and an annotated copy."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

import numpy as np

from fer_zoo.faces.annotate import annotate, caption
from fer_zoo.files import atomic_path
from fer_zoo.video.frames import Frame, Video
from fer_zoo.video.listener import Moment
from fer_zoo.video.sound import Sound
from fer_zoo.video.timeline import Timeline
from fer_zoo.video.tracker import TrackedFace
from fer_zoo.video.writer import VideoWriter, check_video_name


class Recorder:
    """Collects the timeline and writes the annotated video, whose file appears when it is complete.

    Args:
        labels: Names of the classes, in the order of the probabilities.
        annotated: File of the annotated video; `None` writes none.
        rate: Mean frames per second of the annotated video; each frame keeps its time stamp.
        keep: Whether the timeline stores the faces; without them a camera may run for days.
        empty: Whether frames without faces get a row in the timeline.
        video: The video whose sound is copied to the annotated video.
        voices: Names of the voice's classes, if the timeline has them.

    Attributes:
        timeline: The results so far.
    """

    def __init__(
        self,
        labels: Sequence[str],
        annotated: Path | None,
        rate: float,
        keep: bool = True,
        empty: bool = False,
        video: Video | None = None,
        voices: Sequence[str] = (),
    ) -> None:
        if annotated:
            check_video_name(annotated)
        self.timeline = Timeline(labels, empty, voices)
        self._annotated = annotated
        self._rate = rate
        self._keep = keep
        self._video = video
        self._writer: VideoWriter | None = None
        self._stack = ExitStack()

    def add(self, frame: Frame, faces: Sequence[TrackedFace], moment: Moment | None = None) -> None:
        """Add the next frame, and what is heard at its time."""
        self.timeline.add(frame.number, frame.seconds, faces if self._keep else (), moment)
        if not self._annotated:
            return
        if self._writer is None:
            height, width = frame.image.shape[:2]
            temporary = self._stack.enter_context(atomic_path(self._annotated))
            sound = None
            if self._video and self._video.path:
                sound = self._stack.enter_context(Sound(self._video.path, self._video.start))
            self._writer = self._stack.enter_context(VideoWriter(temporary, self._rate, width, height, sound))
        self._writer.write(self.drawn(frame, faces), frame.seconds)

    def drawn(self, frame: Frame, faces: Sequence[TrackedFace]) -> np.ndarray:
        """An annotated copy of the frame, uint8 `[h, w, 3]`."""
        pairs = [caption(face.probabilities, self.timeline.labels) for face in faces]
        return annotate(frame.image, faces, [text for text, _ in pairs], [color for _, color in pairs])

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stack.__exit__(kind, error, trace)
