"""An annotated copy sounds as the video does, at the same times."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from fer_zoo.video.frames import Video
from fer_zoo.video.recorder import Recorder

av = pytest.importorskip("av")

RATE = 44_100


def _clip(path: Path, codec: str, delay: float = 0.0) -> Path:
    """Two seconds of gray from `delay` on, ten frames a second; a beep from 1.0 to 1.2 s after the first frame."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=10, options={"preset": "ultrafast", "bf": "0"})
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        audio = container.add_stream(codec, rate=RATE, layout="mono")
        for number in range(20):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 128, np.uint8), format="rgb24")
            frame.pts, frame.time_base = round((delay + number / 10) * 1000), Fraction(1, 1000)
            container.mux(video.encode(frame))
        times = np.arange(round((2 + delay) * RATE)) / RATE - delay
        samples = np.where((times >= 1.0) & (times < 1.2), np.sin(2 * np.pi * 880 * times), 0).astype(np.float32)
        size = audio.codec_context.frame_size or 1024
        for start in range(0, len(samples), size):
            frame = av.AudioFrame.from_ndarray(samples[None, start : start + size], format="fltp", layout="mono")
            frame.sample_rate, frame.pts = RATE, start
            container.mux(audio.encode(frame))
        container.mux(audio.encode(None))
        container.mux(video.encode(None))
    return path


def _beep(path: Path) -> tuple[str, float, float]:
    """Codec of the sound, and when the beep begins and ends, in seconds after the first frame."""
    with Video(path) as video:
        next(iter(video))
        start = video.start
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        name, times, levels = stream.codec_context.name, [], []
        for frame in container.decode(stream):
            samples = np.abs(frame.to_ndarray().astype(np.float64)).max(0)
            if frame.format.name.startswith("s16"):
                samples /= 32768
            times.append(float(frame.pts * frame.time_base) + np.arange(len(samples)) / frame.sample_rate - start)
            levels.append(samples)
    loud = np.concatenate(times)[np.concatenate(levels) > 0.3]
    return name, float(loud.min()), float(loud.max())


def _copy(source: Path, target: Path, frames: int = 20) -> Path:
    with Video(source) as video, Recorder(("a", "b"), target, video.rate, video=video) as recorder:
        for frame in video:
            if frame.number < frames:
                recorder.add(frame, ())
    return target


@pytest.mark.parametrize(("suffix", "codec"), [("mp4", "aac"), ("mkv", "aac"), ("avi", "aac"), ("webm", "opus")])
def test_sound_goes_with_the_frames(tmp_path: Path, suffix: str, codec: str) -> None:
    source = _clip(tmp_path / "a.mp4", "aac")
    name, start, end = _beep(_copy(source, tmp_path / f"b.{suffix}"))
    assert name == codec
    assert (start, end) == (pytest.approx(1.0, abs=0.04), pytest.approx(1.2, abs=0.04))


def test_pictures_that_begin_late_keep_their_sound(tmp_path: Path) -> None:
    source = _clip(tmp_path / "a.mkv", "aac", delay=0.5)
    for suffix in ("mkv", "webm"):
        _, start, end = _beep(_copy(source, tmp_path / f"b.{suffix}"))
        assert (start, end) == (pytest.approx(1.0, abs=0.04), pytest.approx(1.2, abs=0.04))


def test_sound_ends_with_the_frames(tmp_path: Path) -> None:
    source = _clip(tmp_path / "a.mp4", "aac")
    with av.open(str(_copy(source, tmp_path / "b.mp4", frames=11))) as container:
        stream = container.streams.audio[0]
        assert float(stream.duration * stream.time_base) == pytest.approx(1.1, abs=0.05)


def test_a_video_without_sound_has_none(short_clip: Path, tmp_path: Path) -> None:
    with av.open(str(_copy(short_clip, tmp_path / "b.mp4"))) as container:
        assert not container.streams.audio


def test_damaged_sound_leaves_the_pictures(tmp_path: Path) -> None:
    source = _clip(tmp_path / "a.mkv", "mp3")
    content = bytearray(source.read_bytes())
    rng = np.random.default_rng(0)
    for place in rng.integers(len(content) // 2, len(content) - 200, 60):
        content[place] ^= 0xFF
    source.write_bytes(content)
    for suffix in ("mkv", "webm"):
        with Video(_copy(source, tmp_path / f"b.{suffix}")) as video:
            assert sum(1 for _ in video) >= 5
