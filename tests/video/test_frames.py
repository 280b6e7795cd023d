from __future__ import annotations

import sys

import numpy as np
import pytest

from fer_zoo.errors import FerZooError, UsageError
from fer_zoo.video.frames import Frame, Latest, Video


def test_what_is_written_is_read_again(short_clip, moving):
    with Video(short_clip) as video:
        frames = list(video)
        assert (video.rate, video.count) == (10, 12)
    assert [frame.number for frame in frames] == list(range(12))
    assert [frame.seconds for frame in frames] == pytest.approx([i / 10 for i in range(12)], abs=0.01)
    for frame, image in zip(frames, moving, strict=True):
        assert np.abs(frame.image.astype(int) - image).mean() < 6


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("empty.mp4", b"", "is empty"),
        ("text.mp4", b"no video at all\n" * 100, "damaged or not a video"),
        ("missing.mp4", None, "there is no file"),
    ],
)
def test_files_that_are_no_videos(tmp_path, name, content, words):
    pytest.importorskip("cv2")
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(FerZooError, match=words) as caught:
        Video(tmp_path / name)
    assert name in str(caught.value)


def test_a_folder_and_a_camera_that_is_not_there(tmp_path):
    pytest.importorskip("cv2")
    with pytest.raises(FerZooError, match="is a folder"):
        Video(tmp_path)
    with pytest.raises(FerZooError, match="camera 97 is not there or in use"):
        Video(97)


def test_without_opencv_the_command_to_get_it_is_told(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(UsageError, match=r"pip install 'fer-zoo\[video\]'"):
        Video(tmp_path / "a.mp4")


class TenFrames:
    """As fast as they are read."""

    def __iter__(self):
        for number in range(10):
            yield Frame(number, number / 10, np.zeros((2, 2, 3), np.uint8))


def test_a_slow_consumer_gets_the_newest_frame_and_the_rest_are_dropped():
    latest = Latest(TenFrames(), real_time=False)  # type: ignore[arg-type]
    frames = iter(latest)
    first = next(frames).number
    latest._thread.join()
    rest = [frame.number for frame in frames]
    assert rest == ([] if first == 9 else [9])
    assert latest.dropped == 10 - 1 - len(rest)


def test_who_stops_early_stops_the_reader():
    latest = Latest(TenFrames(), real_time=True)  # type: ignore[arg-type]
    frames = iter(latest)
    next(frames)
    frames.close()
    assert not latest._thread.is_alive()
