from __future__ import annotations

import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from fer_zoo.errors import FerZooError, UsageError
from fer_zoo.faces import FaceDetector
from fer_zoo.video import VIDEO_SUFFIXES
from fer_zoo.video.camera import Camera, Latest
from fer_zoo.video.frames import Frame, Video
from fer_zoo.video.writer import VideoWriter

av = pytest.importorskip("av")


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
        ("missing.mp4", None, "does not exist"),
    ],
)
def test_files_that_are_no_videos(tmp_path, name, content, words):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(FerZooError, match=words) as caught:
        Video(tmp_path / name)
    assert name in str(caught.value)


def test_a_folder_and_a_camera_that_is_not_there(tmp_path):
    with pytest.raises(FerZooError, match="is a folder"):
        Video(tmp_path)
    pytest.importorskip("cv2")
    with pytest.raises(FerZooError, match="camera 97 is not there or in use"):
        Camera(97)


@pytest.mark.parametrize("module", ["av", "cv2"])
def test_without_a_package_the_command_to_get_it_is_told(module, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UsageError, match=r"pip install 'fer-zoo\[video\]'"):
        Camera(0) if module == "cv2" else Video(tmp_path / "a.mp4")


@pytest.mark.parametrize(
    ("name", "frames", "last", "skipped"),
    [
        ("browser_recording.webm", 96, 3.946, 0),
        ("vfr.webm", 56, 3.754, 0),
        ("phone_rotated.mp4", 96, 3.962, 0),
        ("one_bad_stretch.mp4", 95, 3.962, 1),
    ],
)
def test_videos_as_people_record_them(shared, name, frames, last, skipped):
    with Video(shared / "cases" / name) as video:
        found = list(video)
    assert (len(found), video.skipped, video.breaks_off) == (frames, skipped, False)
    assert found[-1].seconds == pytest.approx(last, abs=0.002)
    times = [frame.seconds for frame in found]
    assert times == sorted(set(times))


def test_a_rotated_video_is_upright(shared):
    with Video(shared / "cases" / "phone_rotated.mp4") as video:
        image = next(iter(video)).image
    assert image.shape == (270, 480, 3)
    [face] = FaceDetector(score_threshold=0.9).detect(image)
    right_eye, left_eye, nose = face.landmarks[:3]
    assert right_eye[0] < left_eye[0]
    assert nose[1] > right_eye[1]


def _fragmented(path: Path, images: list[np.ndarray]) -> None:
    with av.open(str(path), "w", options={"movflags": "frag_every_frame+empty_moov"}) as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 320, 256, "yuv420p"
        for image in images:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image)))
        container.mux(stream.encode(None))


def test_files_that_were_cut_give_what_they_have(short_clip, shared, moving, tmp_path):
    _fragmented(tmp_path / "fragmented.mp4", moving)
    for source, share in ((short_clip, 0.95), (tmp_path / "fragmented.mp4", 0.9), (shared / "cases" / "vfr.webm", 0.6)):
        content = source.read_bytes()
        cut = tmp_path / f"cut{source.suffix}"
        cut.write_bytes(content[: round(len(content) * share)])
        with Video(source) as whole, Video(cut) as part:
            assert 0 < len(list(part)) < len(list(whole))
            assert (whole.breaks_off, part.breaks_off) == (False, True), source


@pytest.mark.parametrize("suffix", ["wmv", "ts", "mts", "flv", "3gp", "ogv"])
def test_other_containers(suffix, moving, tmp_path):
    codec = {"wmv": "wmv2", "flv": "flv1", "ogv": "libtheora"}.get(suffix, "mpeg4")
    if codec not in av.codec.codecs_available:
        pytest.skip(f"this FFmpeg does not write {codec}")
    path = tmp_path / f"a.{suffix}"
    with av.open(str(path), "w", format="mpegts" if suffix == "mts" else None) as container:
        stream = container.add_stream(codec, rate=10)
        stream.width, stream.height, stream.pix_fmt = 320, 256, "yuv420p"
        for image in moving:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image)))
        container.mux(stream.encode(None))
    with Video(path) as video:
        frames = list(video)
    assert [frame.seconds for frame in frames] == pytest.approx([i / 10 for i in range(12)], abs=0.01)
    assert not video.breaks_off
    assert path.suffix in VIDEO_SUFFIXES


def test_an_unknown_codec_is_one_sentence(moving, tmp_path):
    with VideoWriter(tmp_path / "a.avi", 10, 320, 256) as writer:
        writer.write(moving[0], 0)
    (tmp_path / "b.avi").write_bytes((tmp_path / "a.avi").read_bytes().replace(b"MJPG", b"ZZZZ"))
    with pytest.raises(FerZooError, match=r"b\.avi cannot be decoded: its codec is not known here"):
        Video(tmp_path / "b.avi")


def test_a_stream_is_read_by_its_address(short_clip):
    handler = partial(SimpleHTTPRequestHandler, directory=short_clip.parent)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with Video(f"http://127.0.0.1:{server.server_port}/{short_clip.name}") as video:
            assert len(list(video)) == 12
        with pytest.raises(FerZooError, match="cannot be reached"):
            Video(f"http://127.0.0.1:{server.server_port}/none.mp4")
        server.shutdown()


class TenFrames:
    """As fast as they are read."""

    def __iter__(self):
        for number in range(10):
            yield Frame(number, number / 10, np.zeros((2, 2, 3), np.uint8))


def test_a_slow_consumer_gets_the_newest_frame_and_the_rest_are_dropped():
    latest = Latest(TenFrames(), real_time=False)
    frames = iter(latest)
    first = next(frames).number
    latest._thread.join()
    rest = [frame.number for frame in frames]
    assert rest == ([] if first == 9 else [9])
    assert latest.dropped == 10 - 1 - len(rest)


def test_who_stops_early_stops_the_reader():
    latest = Latest(TenFrames(), real_time=True)
    frames = iter(latest)
    next(frames)
    frames.close()
    assert not latest._thread.is_alive()
