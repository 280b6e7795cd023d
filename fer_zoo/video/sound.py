"""Copies the sound of a video to its annotated copy, with PyAV."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

from fer_zoo.console import err


class Sound:
    """The first audio stream of a file, for `VideoWriter`; a file without audio is no error.

    Packets are copied unchanged if the container of the copy supports their codec, else encoded anew. If damaged sound
    cannot be decoded, it ends there with a message, and the pictures are still written.

    Args:
        source: The video file.
        start: Time stamp of the first picture in the file, in seconds. Earlier sound is left out.
    """

    def __init__(self, source: Path, start: float) -> None:
        import av

        self._name = source.name
        self._start = start
        self._container: Any = av.open(f"file:{source}")
        self._input: Any = next((s for s in self._container.streams.audio if s.codec_context is not None), None)
        self._output: Any = None
        self._packets: Iterator[tuple[float, Any]] = iter(())
        self._next: tuple[float, Any] | None = None

    def join(self, target: Any) -> None:
        """Add the stream to the PyAV container of the copy, before anything is written to it."""
        if self._input is None:
            return
        codec = self._input.codec_context.name
        if codec in target.supported_codecs:
            self._output = target.add_stream_from_template(self._input)
            self._packets = self._copied()
        else:
            rate = 48_000 if target.default_audio_codec == "opus" else self._input.codec_context.sample_rate
            name = {"opus": "libopus"}.get(target.default_audio_codec, target.default_audio_codec)
            self._output = target.add_stream(name, rate=rate, layout="stereo")
            self._packets = self._encoded()
        self._next = next(self._packets, None)

    def until(self, seconds: float) -> Iterator[Any]:
        """Yield the next packets that begin before `seconds`, counted from the first picture."""
        while self._next is not None and self._next[0] < seconds:
            yield self._next[1]
            self._next = next(self._packets, None)

    def _demuxed(self) -> Iterator[Any]:
        import av

        try:
            for packet in self._container.demux(self._input):
                if packet.pts is not None:
                    yield packet
        except av.FFmpegError as error:
            err.print(f"the sound of {self._name} ends early: it is damaged ({error.strerror})", markup=False)

    def _copied(self) -> Iterator[tuple[float, Any]]:
        offset = round(self._start / self._input.time_base)
        for packet in self._demuxed():
            packet.pts -= offset
            packet.dts = packet.pts
            if packet.pts >= 0:
                packet.stream = self._output
                yield float(packet.pts * self._input.time_base), packet

    def _encoded(self) -> Iterator[tuple[float, Any]]:
        import av

        encoder = self._output.codec_context
        encoder.open()
        resampler = av.AudioResampler(encoder.format, encoder.layout, encoder.sample_rate, encoder.frame_size or None)
        frames = (frame for packet in self._demuxed() for frame in self._decoded(packet))
        samples = None
        for frame in frames:
            if samples is None:
                # The times of later samples are counted from the first one, so that none overlap.
                samples = round((float(frame.pts * frame.time_base) - self._start) * encoder.sample_rate)
            for resampled in resampler.resample(frame):
                resampled.pts, resampled.time_base = samples, encoder.time_base
                samples += resampled.samples
                if resampled.pts >= 0:
                    yield from self._timed(encoder.encode(resampled))
        yield from self._timed(encoder.encode(None))

    def _decoded(self, packet: Any) -> list[Any]:
        import av

        try:
            return packet.decode()
        except av.FFmpegError:
            return []

    def _timed(self, packets: list[Any]) -> Iterator[tuple[float, Any]]:
        for packet in packets:
            packet.stream = self._output
            yield float(packet.pts * packet.time_base), packet

    def __enter__(self) -> Sound:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._container.close()
