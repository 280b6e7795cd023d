"""`fer-zoo predict CLIP` and `fer-zoo live`, end to end."""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from fer_zoo.cli import live, predict
from fer_zoo.console import run
from fer_zoo.contract import EXPRESSIONS
from fer_zoo.faces import read_photo

pytest.importorskip("av")

import itertools

from fer_zoo.video.frames import Video
from fer_zoo.video.timeline import Timeline
from fer_zoo.video.tracker import FaceTracker, TrackedFace
from fer_zoo.video.writer import VideoWriter


@pytest.fixture
def call(capfd):
    """Run a command: exit code, stdout, stderr."""

    def called(main, *arguments: object) -> tuple[int, str, str]:
        return run(main, list(map(str, arguments))), *capfd.readouterr()

    return called


def test_the_clip_is_sad_and_then_happy(call, shared):
    code, stdout, stderr = call(predict.main, shared / "media" / "pexels_face.mp4", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(stdout)))
    assert (code, stderr, len(rows)) == (0, "", 472)
    assert {row["face"] for row in rows} == {"1"}
    assert float(rows[-1]["seconds"]) == pytest.approx(471 / 23.976, abs=0.05)
    labels = [row["label"] for row in rows]
    assert labels[60:130].count("sad") > 60
    assert labels[260:].count("happy") > 200
    probabilities = np.array([[float(row[name]) for name in EXPRESSIONS] for row in rows])
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-3)
    # Smooth: the answer hardly ever changes.
    assert sum(a != b for a, b in itertools.pairwise(labels)) < 15


def test_everything_at_once(call, short_clip, tmp_path):
    code, stdout, _ = call(
        *(predict.main, short_clip, "--annotate", tmp_path / "out.mp4", "--plot", tmp_path / "plot.png"),
        *("--output", tmp_path / "out.json", "--language", "id"),
    )
    content = json.loads((tmp_path / "out.json").read_text())
    assert (code, stdout, content["frames"], len(content["timeline"])) == (0, "", 12, 12)
    assert content["faces"][0]["expressions"][0] == {"label": "Senang", "share": 1.0}
    assert content["timeline"][11]["x"] - content["timeline"][0]["x"] == pytest.approx(44, abs=12)
    with Video(short_clip) as before, Video(tmp_path / "out.mp4") as after:
        pairs = list(zip(before, after, strict=True))
        assert after.rate == before.rate
    assert all(np.abs(a.image.astype(int) - b.image).max() > 100 for a, b in pairs)
    assert read_photo(tmp_path / "plot.png").shape[1] == 1200
    assert sorted(file.name for file in tmp_path.iterdir()) == ["out.json", "out.mp4", "plot.png"]


def test_the_table(call, short_clip):
    code, stdout, _ = call(predict.main, short_clip)
    assert code == 0
    assert "happy 100%" in stdout


def test_a_video_without_faces(call, tmp_path):
    with VideoWriter(tmp_path / "black.mp4", 10, 64, 48) as writer:
        for number in range(3):
            writer.write(np.zeros((48, 64, 3), np.uint8), number / 10)
    code, stdout, _ = call(predict.main, tmp_path / "black.mp4", "--plot", tmp_path / "plot.png")
    assert code == 0
    assert "no face was found in" in stdout
    assert read_photo(tmp_path / "plot.png").shape[1] == 1200


def test_a_video_that_breaks_off(call, shared, tmp_path):
    content = (shared / "media" / "pexels_face.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(content[: len(content) // 8])
    code, stdout, stderr = call(predict.main, tmp_path / "cut.mp4", "--format", "csv")
    assert code == 1
    assert len(stderr.splitlines()) == 1
    assert "damaged" in stderr
    assert stdout == "" or stdout.startswith("frame,seconds")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["clip", "clip"], "one video at a time"),
        (["clip", "--crop"], "--crop is for pictures"),
        (["clip", "--annotate", "clip"], "would write over that input"),
        (["clip", "--annotate", "out.txt"], "no name for an annotated video"),
        (["clip", "--plot", "out.pdf"], "must end in .png"),
        (["photo.jpg", "--plot", "out.png"], "needs a video"),
    ],
)
def test_wrong_usage(call, short_clip, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    code, stdout, stderr = call(predict.main, *(short_clip if part == "clip" else part for part in arguments))
    assert (code, stdout, list(tmp_path.iterdir())) == (2, "", [])
    assert words in stderr
    assert short_clip.stat().st_size > 1000


def test_missing_packages_are_told_before_anything_is_done(call, short_clip, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    code, _, stderr = call(predict.main, short_clip)
    assert code == 2
    assert "pip install 'fer-zoo[video]'" in stderr


def test_live_with_a_file_as_the_camera(call, short_clip, tmp_path):
    code, stdout, stderr = call(
        *(live.main, "--camera", short_clip, "--no-window", "--annotate", tmp_path / "out.avi"),
        *("--output", tmp_path / "out.csv", "--plot", tmp_path / "out.png"),
    )
    rows = list(csv.DictReader(io.StringIO((tmp_path / "out.csv").read_text())))
    frames, dropped = int(stdout.split()[0]), int(stdout.split()[-2])
    assert (code, stderr, frames + dropped) == (0, "", 12)
    assert {row["label"] for row in rows} == {"happy"}
    assert len(rows) == frames
    assert read_photo(tmp_path / "out.png").shape[1] == 1200
    with Video(tmp_path / "out.avi") as video:
        # The copy is as long as what happened, whatever was dropped.
        assert len(list(video)) == round(float(rows[-1]["seconds"]) * 10) + 1


@pytest.mark.parametrize("limit", [["--frames", "2"], ["--duration", "0.15"]])
def test_live_stops_when_told(call, short_clip, limit):
    code, stdout, _ = call(live.main, "--camera", short_clip, "--no-window", *limit)
    assert code == 0
    assert 1 <= int(stdout.split()[0]) <= 2


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--camera", "97"], 1, "camera 97 is not there or in use"),
        (["--camera", "none.mp4"], 1, "does not exist"),
        (["--output", "x.txt"], 2, "must end in .csv or .json"),
    ],
)
def test_live_says_what_is_wrong(call, arguments, code, words):
    told, _, stderr = call(live.main, *arguments, "--no-window")
    assert told == code
    assert words in stderr
    assert len(stderr.splitlines()) == 1


def test_a_window_without_a_screen_is_one_sentence(call, short_clip, monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    if sys.platform != "linux":
        pytest.skip("only X11 can be told that there is no screen")
    code, _, stderr = call(live.main, "--camera", short_clip, "--window")
    assert code == 2
    assert "--no-window" in stderr


def test_bars():
    from rich.console import Console

    from fer_zoo.video.views import bars

    probabilities = np.array([0, 0, 0, 0.75, 0.25, 0, 0], np.float32)
    face = TrackedFace((0, 0, 1, 1), np.zeros((5, 2)), 0.9, 3, probabilities, probabilities)
    buffer = io.StringIO()
    Console(file=buffer, width=80).print(bars(EXPRESSIONS, [face]))
    lines = buffer.getvalue().splitlines()
    assert "face 3" in lines[0]
    assert lines[4].split() == ["happy", "█" * 18, "75%"]


def test_a_class_that_is_called_like_a_column_has_one_of_its_own():
    probabilities = np.array([0.25, 0.75], np.float32)
    timeline = Timeline(("x", "label"))
    timeline.add(0, 0.5, [TrackedFace((3, 0, 1, 1), np.zeros((5, 2)), 0.9, 1, probabilities, probabilities)])
    (row,) = csv.DictReader(io.StringIO(timeline.to_csv()))
    assert (row["x"], row["label"]) == ("3", "label")
    assert (row["x (class)"], row["label (class)"]) == ("0.25", "0.75")


def test_a_folder_of_photos_leaves_its_videos_alone(call, short_clip, shared, tmp_path):
    (tmp_path / "a.mp4").write_bytes(short_clip.read_bytes())
    (tmp_path / "b.jpg").write_bytes((shared / "media" / "obama-480p.jpg").read_bytes())
    code, stdout, _ = call(predict.main, tmp_path, "--format", "csv")
    assert code == 0
    assert [Path(row["file"]).name for row in csv.DictReader(io.StringIO(stdout))] == ["b.jpg"]


def test_frames_without_a_face_can_have_rows(call, tmp_path):
    with VideoWriter(tmp_path / "black.mp4", 10, 64, 48) as writer:
        for number in range(3):
            writer.write(np.zeros((48, 64, 3), np.uint8), number / 10)
    _, stdout, _ = call(predict.main, tmp_path / "black.mp4", "--format", "csv", "--empty")
    assert [(row["frame"], row["face"], row["label"]) for row in csv.DictReader(io.StringIO(stdout))] == [
        ("0", "", ""),
        ("1", "", ""),
        ("2", "", ""),
    ]


def test_a_browsers_recording_keeps_its_times(call, shared, tmp_path):
    source = shared / "cases" / "vfr.webm"
    code, _, stderr = call(predict.main, source, "--annotate", tmp_path / "out.webm", "--output", tmp_path / "out.json")
    assert (code, stderr) == (0, "")
    with Video(source) as before, Video(tmp_path / "out.webm") as after:
        times = [frame.seconds for frame in before]
        assert [frame.seconds for frame in after] == pytest.approx(times, abs=0.002)
    assert json.loads((tmp_path / "out.json").read_text())["frames"] == 56


def test_a_bad_stretch_is_counted_and_the_rest_answered(call, shared):
    code, stdout, stderr = call(predict.main, shared / "cases" / "one_bad_stretch.mp4", "--format", "json")
    content = json.loads(stdout)
    assert (code, content["frames"], content["damaged_frames"]) == (0, 95, 1)
    assert "1 frame of" in stderr


def test_ctrl_c_keeps_the_frames_so_far(call, short_clip, tmp_path, monkeypatch):
    update, calls = FaceTracker.update, []

    def five(self, image, seconds):
        calls.append(seconds)
        if len(calls) == 6:
            raise KeyboardInterrupt
        return update(self, image, seconds)

    monkeypatch.setattr(FaceTracker, "update", five)
    targets = ["--output", tmp_path / "out.csv", "--annotate", tmp_path / "out.mp4"]
    code, _, _ = call(predict.main, short_clip, *targets)
    assert code == 130
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 6
    with Video(tmp_path / "out.mp4") as video:
        assert len(list(video)) == 5
