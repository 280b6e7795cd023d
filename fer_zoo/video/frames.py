"""Reading videos and cameras with OpenCV."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np

from fer_zoo.console import native_messages_dropped
from fer_zoo.errors import FerZooError, UsageError


class Frame(NamedTuple):
    """One picture of a video.

    Attributes:
        number: From 0, counting the dropped ones too.
        seconds: Since the start.
        image: uint8 `[h, w, 3]`, RGB.
    """

    number: int
    seconds: float
    image: np.ndarray


class Video:
    """A video file, or a camera by its number; iterating gives every `Frame`.

    Attributes:
        rate: Frames per second.
        count: Frames the file says it has, 0 where it does not tell.

    Raises:
        UsageError: OpenCV is not installed.
        FerZooError: The file or camera cannot be opened.
    """

    def __init__(self, source: str | os.PathLike[str] | int) -> None:
        cv2 = opencv()
        self.name = f"camera {source}" if isinstance(source, int) else str(source)
        # What OpenCV's backends complain of is said below in one sentence.
        with native_messages_dropped():
            if isinstance(source, int):
                self._capture = cv2.VideoCapture(source)
            else:
                _check_file(Path(source))
                self._capture = cv2.VideoCapture(str(source), cv2.CAP_FFMPEG)
        if not self._capture.isOpened():
            problem = "is not there or in use" if isinstance(source, int) else "is damaged or not a video"
            raise FerZooError(f"{self.name} {problem}")
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        self.rate = rate if 1 <= rate <= 1000 else 30.0
        self.count = max(0, int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT)))

    def __iter__(self) -> Iterator[Frame]:
        cv2 = opencv()
        number, seconds = 0, 0.0
        while True:
            read, image = self._capture.read()
            if not read:
                return
            told = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
            # Some files have no times, or times that stand still.
            seconds = told if told > seconds or number == 0 else seconds + 1 / self.rate
            yield Frame(number, seconds, cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
            number += 1

    def __enter__(self) -> Video:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._capture.release()


class Latest:
    """The newest frame of a camera: what comes while the last one is worked on is dropped, so that nothing lags.

    A video file plays the camera: it gives its frames at its own speed.

    Attributes:
        dropped: Frames nobody saw.
    """

    def __init__(self, video: Video, real_time: bool) -> None:
        self._video = video
        self._real_time = real_time
        self._changed = threading.Condition()
        self._frame: Frame | None = None
        self._ended = False
        self.dropped = 0
        self._thread = threading.Thread(target=self._read, daemon=True)

    def __iter__(self) -> Generator[Frame]:
        self._thread.start()
        try:
            while True:
                with self._changed:
                    self._changed.wait_for(lambda: self._frame is not None or self._ended)
                    frame, self._frame = self._frame, None
                if frame is None:
                    return
                yield frame
        finally:
            self._ended = True
            self._thread.join(timeout=5)

    def _read(self) -> None:
        start = time.monotonic()
        for frame in self._video:
            if self._real_time:
                time.sleep(max(0.0, frame.seconds - (time.monotonic() - start)))
            if self._ended:
                return
            with self._changed:
                self.dropped += self._frame is not None
                self._frame = frame._replace(seconds=time.monotonic() - start)
                self._changed.notify()
        with self._changed:
            self._ended = True
            self._changed.notify()


def opencv() -> Any:
    """The cv2 module.

    Raises:
        UsageError: It is not installed.
    """
    os.environ.setdefault("OPENCV_LOG_LEVEL", "ERROR")
    # FFmpeg's own complaints about damaged files: the sentence is ours to say.
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    try:
        import cv2
    except ImportError as error:
        raise UsageError("videos need OpenCV, which is not installed; run `pip install 'fer-zoo[video]'`") from error
    return cv2


def _check_file(path: Path) -> None:
    if not path.exists():
        raise FerZooError(f"there is no file {path}")
    if path.is_dir():
        raise FerZooError(f"{path} is a folder, not a video")
    if not path.stat().st_size:
        raise FerZooError(f"{path} is empty")
