"""Reads video files and streams with PyAV, with the time stamps of their frames."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np

from fer_zoo.errors import FerZooError
from fer_zoo.packages import require
from fer_zoo.pictures import MAX_PIXELS

# Frames per second of a file that does not contain a frame rate.
DEFAULT_RATE = 30.0
# Browsers write WebM files with times in milliseconds and without a frame rate; FFmpeg then assumes 1,000 frames a
# second.
_HIGHEST_RATE = 480
# Container formats that store the duration; FFmpeg estimates that of others, often wrong.
_WITH_DURATION = ("mov", "matroska", "avi", "flv", "asf")
# The last frame of a complete file may end so much before the stored duration: containers round times, and audio and
# video end at different times.
_MISSING_SHARE, _MISSING_SECONDS = 0.02, 0.3
_NETWORK_SECONDS = 15


class Frame(NamedTuple):
    """One picture of a video.

    Attributes:
        number: Number of the frame, from 0; dropped frames count, too.
        seconds: Time since the first frame.
        image: uint8 `[h, w, 3]`, RGB, upright.
    """

    number: int
    seconds: float
    image: np.ndarray


class Video:
    """A video file or a stream; iterating over it yields every `Frame` that can be decoded.

    Args:
        source: A path, or a URL such as `rtsp://…`.
        threads: CPU threads of the decoder.

    Attributes:
        name: Name of the video for messages.
        path: Path of the file; `None` for a stream.
        rate: Mean frames per second.
        count: Expected number of frames, 0 if unknown.
        start: Time stamp of the first frame in the source, in seconds; set when the first frame is read.
        skipped: Number of damaged frames so far, which could not be decoded and were left out.
        breaks_off: After the last frame: whether the file ends earlier than its container says.

    Raises:
        UsageError: PyAV is not installed.
        FerZooError: The video cannot be opened.
    """

    def __init__(self, source: str | os.PathLike[str], threads: int = 1) -> None:
        require("av")
        import av

        self.name = os.fspath(source)
        self.path = None if "://" in self.name else Path(source)
        if self.path:
            _check_file(self.path)
        try:
            # Without `file:`, FFmpeg takes a file name with a colon for a protocol.
            address = self.name if self.path is None else f"file:{self.name}"
            self._container: Any = av.open(address, timeout=None if self.path else _NETWORK_SECONDS)
            stream: Any = self._container.streams.best("video")
        except (av.FFmpegError, OSError, ValueError) as error:
            problem = "is damaged or not a video" if self.path else "cannot be reached"
            raise FerZooError(f"{self.name} {problem}") from error
        if stream is None:
            raise FerZooError(f"{self.name} has no pictures: it is damaged or not a video")
        if stream.codec_context is None:
            raise FerZooError(f"{self.name} cannot be decoded: its codec is not known here")
        if stream.width * stream.height > MAX_PIXELS:
            raise FerZooError(f"{self.name} has frames of {stream.width}x{stream.height} pixels; shrink it first")
        self._stream = stream
        self._stream.thread_type = "AUTO"
        self._stream.codec_context.thread_count = threads
        rate = float(self._stream.average_rate or 0)
        known = 0 < rate <= _HIGHEST_RATE
        self.rate = rate if known else DEFAULT_RATE
        self.count = self._stream.frames or round((self._duration() or 0) * self.rate if known else 0)
        self.start = 0.0
        self.skipped = 0
        self._longest = 0.0  # Seconds from one frame to the next.
        self.breaks_off = False

    def __iter__(self) -> Iterator[Frame]:
        seconds = 0.0
        for number, frame in enumerate(self._decoded()):
            if number == 0:
                self.start = frame.time or 0.0
            stamp = 0.0 if frame.time is None else frame.time - self.start
            # Some files have no time stamps, or time stamps that do not increase.
            last, seconds = seconds, stamp if stamp > seconds or number == 0 else seconds + 1 / self.rate
            self._longest = max(self._longest, seconds - last)
            image = frame.to_ndarray(format="rgb24")
            yield Frame(number, seconds, np.ascontiguousarray(np.rot90(image, frame.rotation // 90)))

    def _decoded(self) -> Iterator[Any]:
        """Yield the decoded frames; at the end, set `breaks_off` if the file is incomplete."""
        import av

        end = 0.0
        try:
            for packet in self._container.demux():
                if packet.pts is not None:
                    end = max(end, float((packet.pts + (packet.duration or 0)) * packet.time_base))
                if packet.stream is not self._stream:
                    continue
                try:
                    frames = packet.decode()
                except av.FFmpegError:
                    self.skipped += 1
                    continue
                yield from frames
        except (av.FFmpegError, IndexError):  # IndexError: of a stream that the file did not announce.
            self.breaks_off = True
        start, duration = (self._container.start_time or 0) / av.time_base, self._duration()
        # Not every container stores the duration of its last frame.
        missing = _MISSING_SECONDS + self._longest
        if duration and end - start < duration * (1 - _MISSING_SHARE) - missing:
            self.breaks_off = True
        if self.path and self._container.format.name.startswith("mov") and _ends_in_a_box(self.path):
            self.breaks_off = True

    def _duration(self) -> float | None:
        """The duration that the container stores, in seconds."""
        import av

        if self._container.duration and self._container.format.name.startswith(_WITH_DURATION):
            return self._container.duration / av.time_base
        return None

    def __enter__(self) -> Video:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._container.close()


def _check_file(path: Path) -> None:
    try:
        size = path.stat().st_size
    except FileNotFoundError as error:
        raise FerZooError(f"{path} does not exist") from error
    if path.is_dir():
        raise FerZooError(f"{path} is a folder, not a video")
    if not size:
        raise FerZooError(f"{path} is empty")


def _ends_in_a_box(path: Path) -> bool:
    """Whether an MP4 file (ISO/IEC 14496-12) ends before its last box ends, as a truncated file does."""
    end = path.stat().st_size
    with path.open("rb") as file:
        position = 0
        while position + 8 <= end:
            file.seek(position)
            head = file.read(16)
            size = int.from_bytes(head[:4], "big")
            if size == 0:  # The last box, up to the end of the file.
                return False
            if size == 1:
                size = int.from_bytes(head[8:16], "big")
            if size < 8:
                return True
            position += size
    return position != end
