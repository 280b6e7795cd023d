"""Videos are written in codecs that browsers play, and a file that is not whole is an error."""

from __future__ import annotations

import resource
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from fer_zoo.errors import FerZooError, UsageError
from fer_zoo.video import writer as module
from fer_zoo.video.frames import Frame, Video
from fer_zoo.video.recorder import Recorder
from fer_zoo.video.writer import VideoWriter, check_video_name

av = pytest.importorskip("av")

RED = np.full((48, 64, 3), (200, 40, 40), np.uint8)


def codec(path: Path) -> str:
    with av.open(str(path)) as container:
        return container.streams.video[0].codec_context.name


@pytest.mark.parametrize(
    ("suffix", "name"),
    [("mp4", "h264"), ("m4v", "h264"), ("mov", "h264"), ("mkv", "h264"), ("webm", "vp9"), ("avi", "mjpeg")],
)
def test_every_container(tmp_path: Path, suffix: str, name: str) -> None:
    path = tmp_path / f"a.{suffix}"
    with VideoWriter(path, 25, 64, 48) as writer:
        for number in range(5):
            writer.write(RED, number / 25)
    assert codec(path) in (name, f"lib{name}")
    with Video(path) as video:
        frames = list(video)
    assert len(frames) == 5
    assert frames[-1].seconds == pytest.approx(0.16, abs=0.01)
    assert np.abs(frames[-1].image.mean(axis=(0, 1)) - [200, 40, 40]).max() < 12


def test_odd_sizes_are_filled_up(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "a.mp4", 23.976, 63, 47) as writer:
        writer.write(RED[:47, :63], 0)
    with Video(tmp_path / "a.mp4") as video:
        (frame,) = video
        assert video.rate == pytest.approx(24000 / 1001, abs=0.01)
    assert frame.image.shape == (48, 64, 3)
    assert np.abs(frame.image[-1, -1].astype(int) - [200, 40, 40]).max() < 12


def test_without_an_h264_encoder_the_old_codec_is_used_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("av.codec.codecs_available", {"mpeg4"})
    with VideoWriter(tmp_path / "a.mp4", 25, 64, 48) as writer:
        writer.write(RED, 0)
    assert codec(tmp_path / "a.mp4") == "mpeg4"
    assert "which browsers do not play" in capsys.readouterr().err
    with pytest.raises(FerZooError, match=r"no encoder for \.webm"):
        VideoWriter(tmp_path / "a.webm", 25, 64, 48)


@pytest.fixture
def full_disk() -> Iterator[None]:
    """Files cannot grow beyond 20 kB."""
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.parametrize("suffix", ["mp4", "webm", "avi"])
def test_a_full_disk_leaves_no_file(tmp_path: Path, full_disk: None, suffix: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (40, 96, 128, 3), dtype=np.uint8)

    def record() -> None:
        with Recorder(["a"], tmp_path / f"a.{suffix}", 25) as recorder:
            for number, image in enumerate(noise):
                recorder.add(Frame(number, number / 25, image), [])

    with pytest.raises(FerZooError, match="annotated video"):
        record()
    assert list(tmp_path.iterdir()) == []


def test_frames_that_are_missing_in_the_file_are_an_error(tmp_path: Path) -> None:
    writer = VideoWriter(tmp_path / "a.mp4", 25, 64, 48)
    writer.write(RED, 0)
    writer.write(RED, 0.04)
    writer._count += 1
    with pytest.raises(FerZooError, match="only 2 of its 3 frames"):
        writer.__exit__(None, None, None)


def test_an_error_while_recording_is_not_covered_up(tmp_path: Path) -> None:
    recorder = Recorder(["a"], tmp_path / "a.mp4", 25)
    recorder.add(Frame(0, 0.0, RED), [])
    recorder.__exit__(ZeroDivisionError, ZeroDivisionError(), None)
    assert list(tmp_path.iterdir()) == []


def test_names_and_packages_are_checked_before_there_is_a_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match=r"must end in \.mp4"):
        check_video_name(Path("a.gif"))
    monkeypatch.setattr(module, "require", lambda name: (_ for _ in ()).throw(UsageError(name)))
    with pytest.raises(UsageError, match="av"):
        check_video_name(Path("a.mp4"))


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "webm"])
def test_each_frame_keeps_its_time(tmp_path: Path, suffix: str) -> None:
    times = [0, 0.04, 0.5, 2.5]
    with VideoWriter(tmp_path / f"a.{suffix}", 25, 64, 48) as writer:
        for seconds in times:
            writer.write(RED, seconds)
    with Video(tmp_path / f"a.{suffix}") as video:
        assert [frame.seconds for frame in video] == pytest.approx(times, abs=0.001)
        assert not video.breaks_off


@pytest.mark.parametrize("suffix", ["mp4", "avi", "webm"])
def test_a_clip_of_half_a_frame_a_second_keeps_its_length(tmp_path: Path, suffix: str) -> None:
    with VideoWriter(tmp_path / f"a.{suffix}", 0.5, 64, 48) as writer:
        for number in range(3):
            writer.write(RED, number * 2)
    with av.open(str(tmp_path / f"a.{suffix}")) as container:
        assert container.duration / av.time_base == pytest.approx(6, abs=0.1)


def test_a_constant_rate_repeats_frames_and_leaves_some_out(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "a.avi", 10, 64, 48) as writer:
        for seconds in (0, 0.01, 0.5):
            writer.write(RED, seconds)
    with Video(tmp_path / "a.avi") as video:
        assert len(list(video)) == 6


def test_a_picture_of_another_size_is_scaled(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "a.mp4", 10, 64, 48) as writer:
        writer.write(RED, 0)
        writer.write(np.full((64, 48, 3), (200, 40, 40), np.uint8), 0.1)
    with Video(tmp_path / "a.mp4") as video:
        assert [frame.image.shape for frame in video] == [(48, 64, 3)] * 2
