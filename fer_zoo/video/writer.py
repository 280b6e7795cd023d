"""Writes videos that browsers play with PyAV: H.264 in .mp4, .m4v, .mov and .mkv, VP9 in .webm, MJPEG in .avi."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from fer_zoo.console import err
from fer_zoo.errors import FerZooError, UsageError
from fer_zoo.packages import require
from fer_zoo.video.sound import Sound

# Encoders by suffix of the file; the first one that FFmpeg has is used. `mpeg4` is the old MPEG-4 Part 2.
_H264 = ("libx264", "mpeg4")
_ENCODERS = {
    ".mp4": _H264,
    ".m4v": _H264,
    ".mov": _H264,
    ".mkv": _H264,
    ".webm": ("libvpx-vp9",),
    ".avi": ("mjpeg",),
}

# Time stamps of frames are rounded to multiples of it; MPEG-4 Part 2 allows no finer ones.
_TIME_BASE = Fraction(1, 60_000)

_FINE = {"qmin": "2", "qmax": "5"}
_OPTIONS = {
    "libx264": {"preset": "veryfast", "crf": "21"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "7", "crf": "28", "b": "0"},
    "mpeg4": _FINE,
    "mjpeg": _FINE,
}


class VideoWriter:
    """Writes RGB frames as a video; a context manager, which reads the file and counts its frames when it exits.

    Args:
        path: Path of the file; its suffix chooses container and codec.
        rate: Mean frames per second; in `.avi`, which has no time stamps, the constant rate.
        width: Width of the frames in pixels; an odd width is filled up by repeating the last column.
        height: Height of the frames in pixels; an odd height is filled up by repeating the last row.
        sound: Sound to write with the frames; it ends with the last frame.

    Raises:
        UsageError: PyAV is not installed, or the suffix of `path` is not that of a video.
        FerZooError: The file cannot be written, or has fewer frames than were written.
    """

    def __init__(self, path: Path, rate: float, width: int, height: int, sound: Sound | None = None) -> None:
        check_video_name(path)
        import av

        self._path = path
        self._count = 0
        self._rate = rate
        self._last = -1
        self._gap = round(_TIME_BASE.denominator / rate)
        self._constant = path.suffix.lower() == ".avi"
        self._padding = ((0, height % 2), (0, width % 2), (0, 0))
        name = _encoder(path)
        try:
            # With the index at the start, a browser can play the file before it is loaded completely.
            faststart = {"movflags": "faststart"} if path.suffix.lower() in (".mp4", ".m4v", ".mov") else {}
            self._container: Any = av.open(str(path), "w", options=faststart)
            fraction = Fraction(rate).limit_denominator(1001)
            stream: Any = self._container.add_stream(name, rate=fraction, options=_OPTIONS[name])
            if sound:
                sound.join(self._container)
        except av.FFmpegError as error:
            raise self._failed(error) from error
        if not self._constant:
            stream.codec_context.time_base = _TIME_BASE
        stream.width, stream.height = width + width % 2, height + height % 2
        stream.pix_fmt = "yuvj420p" if name == "mjpeg" else "yuv420p"
        self._stream = stream
        self._sound = sound

    def write(self, image: np.ndarray, seconds: float) -> None:
        """Append a frame.

        Args:
            image: uint8 `[h, w, 3]`, RGB; scaled to the size of the first frame if it has another.
            seconds: Time since the first frame. At a constant rate frames are repeated or left out to match it.
        """
        import av

        self._add_sound(seconds)
        if image.shape[0] + image.shape[0] % 2 == self._stream.height and (
            image.shape[1] + image.shape[1] % 2 == self._stream.width
        ):
            image = np.pad(image, self._padding, mode="edge")
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
        frame = frame.reformat(self._stream.width, self._stream.height, self._stream.pix_fmt)
        if self._constant:
            for number in range(self._count, round(seconds * self._rate) + 1):
                frame.pts, frame.time_base = number, 1 / self._stream.codec_context.framerate
                self._add(frame)
            return
        ticks = max(round(seconds * _TIME_BASE.denominator), self._last + 1)
        if self._count:
            self._gap = ticks - self._last
        self._last = frame.pts = ticks
        frame.time_base = _TIME_BASE
        self._add(frame)

    def _add_sound(self, seconds: float) -> None:
        """Append the sound before this time."""
        import av

        try:
            for packet in self._sound.until(seconds) if self._sound else ():
                self._container.mux(packet)
        except av.FFmpegError as error:
            raise self._failed(error) from error

    def _add(self, frame: Any) -> None:
        self._count += 1
        self._encode(frame)

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        import av

        try:
            if kind is None:
                self._add_sound(self._end)
                self._encode(None)
        finally:
            try:
                self._container.close()
            except av.FFmpegError as problem:
                raise self._failed(problem) from problem
        if kind is None:
            self._check()

    @property
    def _end(self) -> float:
        """The time in seconds at which the last frame ends."""
        return self._count / self._rate if self._constant else (self._last + self._gap) / _TIME_BASE.denominator

    def _encode(self, frame: Any) -> None:
        import av

        try:
            for packet in self._stream.encode(frame):
                if not self._constant:
                    # The last frame lasts as long as the one before it.
                    packet.duration = self._gap
                self._container.mux(packet)
        except av.FFmpegError as error:
            raise self._failed(error) from error

    def _check(self) -> None:
        """Count the frames in the written file: libraries do not always report that the disk was full."""
        import av

        try:
            with av.open(str(self._path)) as container:
                count = sum(packet.size > 0 for packet in container.demux(video=0))
        except av.FFmpegError as error:
            raise self._failed(error) from error
        if count != self._count:
            raise FerZooError(
                f"the annotated video has only {count} of its {self._count} frames; is there space on the disk?"
            )

    def _failed(self, error: Any) -> FerZooError:
        return FerZooError(f"the annotated video cannot be written to {self._path.parent} ({error.strerror})")


def check_video_name(path: Path) -> None:
    """Raise UsageError where `VideoWriter` would, before there is a frame to write."""
    if path.suffix.lower() not in _ENCODERS:
        raise UsageError(f"{path} is no name for an annotated video: it must end in {', '.join(_ENCODERS)}")
    require("av")


def _encoder(path: Path) -> str:
    """The name of the encoder for a file."""
    from av.codec import codecs_available

    names = _ENCODERS[path.suffix.lower()]
    encoder = next((name for name in names if name in codecs_available), None)
    if encoder is None:
        raise FerZooError(f"PyAV's FFmpeg has no encoder for {path.suffix} ({', '.join(names)}); choose another suffix")
    if encoder != names[0]:
        err.print(f"there is no H.264 encoder: {path.suffix} becomes MPEG-4 Part 2, which browsers do not play")
    return encoder
