"""Decodes the sound of a file with PyAV: mono at the one rate that the voice model takes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from fer_zoo.errors import FerZooError
from fer_zoo.packages import require
from fer_zoo.voice.features import RATE


def read_audio(source: str | os.PathLike[str] | BinaryIO, start: float = 0.0) -> np.ndarray | None:
    """Decode the first audio stream of a sound or video file.

    Samples stand where their time stamps say: a pause in the stream is silence, and sound before `start` is left out.
    Damaged packets are left out too, as silence.

    Args:
        source: Path of the file, or the file opened in binary mode.
        start: Time stamp that becomes time 0, in seconds; `Video.start` for a video.

    Returns:
        float32 `[n]`, mono at 16 kHz, about -1..1, the mean of all channels; `None` if the file has no sound
        that can be decoded.

    Raises:
        UsageError: PyAV is not installed.
        FerZooError: The file cannot be opened.
    """
    require("av")
    import av

    named = isinstance(source, str | os.PathLike)
    name = Path(source).name if named else "the sound"  # type: ignore[arg-type]
    try:
        # Without `file:`, FFmpeg takes a file name with a colon for a protocol.
        container: Any = av.open(f"file:{os.fspath(source)}" if named else source)  # type: ignore[arg-type]
    except (av.FFmpegError, OSError, ValueError) as error:
        raise FerZooError(f"{name} cannot be read: it is damaged or neither sound nor video") from error
    with container:
        stream = next((s for s in container.streams.audio if s.codec_context is not None), None)
        parts = list(_parts(container, stream)) if stream else []
    if not parts:
        return None
    places = [round((seconds - start) * RATE) for seconds, _ in parts]
    length = max(place + len(samples) for place, (_, samples) in zip(places, parts, strict=True))
    sound = np.zeros(max(0, length), np.float32)
    for place, (_, samples) in zip(places, parts, strict=True):
        early = max(0, -place)
        sound[place + early : place + len(samples)] = samples[early:]
    return sound if len(sound) else None


def _parts(container: Any, stream: Any) -> Iterator[tuple[float, np.ndarray]]:
    """The decoded stretches without a gap in their time stamps: time of the first sample, float32 samples."""
    import av

    resampler: Any = None
    begin, end, chunks = 0.0, 0.0, list[np.ndarray]()
    for frame in _frames(container, stream):
        seconds = frame.time if frame.time is not None else end
        if resampler is None or abs(seconds - end) > _GAP:
            if chunks:
                yield begin, np.concatenate([*chunks, *_resampled(resampler, None)])
            resampler = av.AudioResampler("fltp", rate=RATE)
            begin, chunks = seconds, []
        end = seconds + frame.samples / frame.sample_rate
        frame.pts = None  # The resampler would fill or drop samples where rounded time stamps differ.
        chunks += _resampled(resampler, frame)
    if chunks:
        yield begin, np.concatenate([*chunks, *_resampled(resampler, None)])


# Time stamps of containers are rounded to milliseconds; what is more than this apart is a pause.
_GAP = 0.05


def _frames(container: Any, stream: Any) -> Iterator[Any]:
    import av

    try:
        for packet in container.demux(stream):
            try:
                yield from packet.decode()
            except av.FFmpegError:
                continue
    except (av.FFmpegError, IndexError):  # The rest of the file is missing; IndexError: of a stream not announced.
        return


def _resampled(resampler: Any, frame: Any) -> list[np.ndarray]:
    # FFmpeg's own mono adds up floating-point channels to more than 1.
    return [part.to_ndarray().mean(axis=0) for part in resampler.resample(frame)]
