"""Reads cameras with OpenCV, and drops frames so that live results do not lag behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Iterable, Iterator
from types import TracebackType
from typing import Any

from fer_zoo.console import native_messages_dropped
from fer_zoo.errors import FerZooError
from fer_zoo.packages import require
from fer_zoo.video.frames import DEFAULT_RATE, Frame


class Camera:
    """A camera of this machine; iterating over it yields every `Frame`.

    Args:
        number: Number of the camera in the operating system, from 0.

    Attributes:
        name: Name of the camera for messages.
        rate: Frames per second.

    Raises:
        UsageError: OpenCV is not installed.
        FerZooError: The camera is not there or in use.
    """

    def __init__(self, number: int) -> None:
        require("cv2")
        # The messages of OpenCV's backends are replaced by the error below.
        with native_messages_dropped():
            import cv2

            self._cv2: Any = cv2
            self._capture = cv2.VideoCapture(number)
        self.name = f"camera {number}"
        if not self._capture.isOpened():
            raise FerZooError(f"{self.name} is not there or in use")
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        self.rate = rate if 1 <= rate <= 1000 else DEFAULT_RATE

    def __iter__(self) -> Iterator[Frame]:
        start, number = time.monotonic(), 0
        while True:
            read, image = self._capture.read()
            if not read:
                return
            yield Frame(number, time.monotonic() - start, self._cv2.cvtColor(image, self._cv2.COLOR_BGR2RGB))
            number += 1

    def __enter__(self) -> Camera:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._capture.release()


class Latest:
    """Iterates over the newest frames of a camera: frames that arrive while one is processed are dropped.

    Args:
        video: Camera or video that yields the frames.
        real_time: Yield frames at the pace of their time stamps: a video file is used like a camera.

    Attributes:
        dropped: Number of dropped frames.
    """

    def __init__(self, video: Iterable[Frame], real_time: bool) -> None:
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
        try:
            for frame in self._video:
                if self._real_time:
                    time.sleep(max(0.0, frame.seconds - (time.monotonic() - start)))
                if self._ended:
                    return
                with self._changed:
                    self.dropped += self._frame is not None
                    self._frame = frame._replace(seconds=time.monotonic() - start)
                    self._changed.notify()
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify()
