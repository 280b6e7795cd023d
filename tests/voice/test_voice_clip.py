"""`fer-zoo predict CLIP --voice`, end to end."""

from __future__ import annotations

import csv
import io
import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fer_zoo.cli import predict
from fer_zoo.console import run
from fer_zoo.contract import EXPRESSIONS, VOICE_EXPRESSIONS
from fer_zoo.errors import UsageError
from fer_zoo.faces import read_photo
from fer_zoo.video.listener import Listener
from fer_zoo.video.timeline import Timeline
from fer_zoo.video.tracker import TrackedFace
from fer_zoo.voice import VoiceTrack, VoiceWindow, fuse
from fer_zoo.voice.features import RATE

av: Any = pytest.importorskip("av")

MODEL = ("--model", "fernet_nano:onnx:int8")


@pytest.fixture(scope="module")
def clip(root: Path, speech: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six seconds of `speech`, five frames a second; a face until second 2, then none."""
    face = read_photo(root / "docs" / "images" / "astronaut.jpg")
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    with av.open(str(path), "w") as container:
        pictures = container.add_stream("mpeg4", rate=5)
        pictures.width, pictures.height, pictures.pix_fmt = 256, 256, "yuv420p"
        sound = container.add_stream("aac", rate=RATE, layout="mono")
        image = av.VideoFrame.from_ndarray(np.ascontiguousarray(face), format="rgb24").reformat(256, 256, "yuv420p")
        empty = av.VideoFrame.from_ndarray(np.full((256, 256, 3), 128, np.uint8), "rgb24").reformat(256, 256, "yuv420p")
        for number in range(30):
            frame = image if number < 10 else empty
            frame.pts, frame.time_base = number, Fraction(1, 5)
            container.mux(pictures.encode(frame))
        container.mux(pictures.encode(None))
        for start in range(0, len(speech) // 1024 * 1024, 1024):
            part = av.AudioFrame.from_ndarray(speech[None, start : start + 1024], "fltp", "mono")
            part.sample_rate, part.pts, part.time_base = RATE, start, Fraction(1, RATE)
            container.mux(sound.encode(part))
        container.mux(sound.encode(None))
    return path


def _rows(capfd: pytest.CaptureFixture[str], *arguments: object) -> list[dict[str, str]]:
    assert run(predict.main, [*map(str, arguments), "--format", "csv"]) == 0
    return list(csv.DictReader(io.StringIO(capfd.readouterr().out)))


def test_face_voice_and_both_use_what_there_is(clip: Path, capfd: pytest.CaptureFixture[str]) -> None:
    rows = _rows(capfd, clip, "--voice", *MODEL)
    alone = _rows(capfd, clip, *MODEL)
    sources = {round(float(row["seconds"]), 1): row["source"] for row in rows}
    # A face until 2 s; speech from 1 to 3 and from 4.5 to 5.5 s.
    assert {second: sources.get(second) for second in (0.2, 0.6, 1.2, 1.8, 2.4, 2.8, 3.6, 4.0, 4.8, 5.2, 5.8)} == {
        **dict.fromkeys((0.2, 0.6), "face"),
        **dict.fromkeys((1.2, 1.8), "both"),
        **dict.fromkeys((2.4, 2.8, 4.8, 5.2), "voice"),
        **dict.fromkeys((3.6, 4.0, 5.8), None),
    }
    for row in rows:
        shares = [float(row[name]) for name in EXPRESSIONS]
        assert sum(shares) == pytest.approx(1, abs=1e-3)
        assert row["label"] == EXPRESSIONS[int(np.argmax(shares))]
        heard = [row[f"voice_{name}"] for name in VOICE_EXPRESSIONS]
        assert sum(map(float, heard)) == pytest.approx(1, abs=1e-3) if row["source"] != "face" else set(heard) == {""}
        assert (row["face"] == "") == (row["source"] == "voice")
    silent = [row["happy"] for row in rows if row["source"] == "face"]
    assert silent == [row["happy"] for row in alone][: len(silent)]


def test_weight_0_changes_no_face(clip: Path, capfd: pytest.CaptureFixture[str]) -> None:
    rows = _rows(capfd, clip, "--voice", "--voice-weight", 0, *MODEL)
    alone = _rows(capfd, clip, *MODEL)
    faces = [row for row in rows if row["face"]]
    assert [row["label"] for row in faces] == [row["label"] for row in alone]
    happy = [[float(row["happy"]) for row in part] for part in (faces, alone)]
    assert happy[0] == pytest.approx(happy[1], abs=2e-4)


def test_json_table_and_plot(clip: Path, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    output = tmp_path / "out.json"
    assert run(predict.main, [str(clip), "--voice", "--output", str(output), "--language", "id", *MODEL]) == 0
    content = json.loads(output.read_text())
    assert content["voice"]["frames"] == sum(row["source"] != "face" for row in content["timeline"])
    assert {"source", "voice_Marah"} <= content["timeline"][-1].keys()
    assert run(predict.main, [str(clip), "--voice", "--plot", str(tmp_path / "plot.png"), *MODEL]) == 0
    assert "voice" in capfd.readouterr().out
    assert read_photo(tmp_path / "plot.png").shape[0] > 600


def test_a_clip_without_sound_is_answered_all_the_same(root: Path, tmp_path: Path, capfd) -> None:
    from fer_zoo.video.writer import VideoWriter

    with VideoWriter(tmp_path / "mute.mp4", 5, 64, 48) as writer:
        writer.write(np.zeros((48, 64, 3), np.uint8), 0)
    assert run(predict.main, [str(tmp_path / "mute.mp4"), "--voice", *MODEL]) == 0
    captured = capfd.readouterr()
    assert "has no sound that can be decoded" in captured.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["face.png", "--voice"], "photos have none"),
        (["clip.mp4", "--voice-weight", "1"], "--voice-weight needs --voice"),
    ],
)
def test_arguments(arguments: list[str], message: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(predict.main, arguments) == 2
    assert message in capfd.readouterr().err


def test_a_weight_is_at_least_0(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        predict.main(["clip.mp4", "--voice", "--voice-weight", "-1"])
    assert "must be a number of at least 0" in capfd.readouterr().err


def _face(track: int) -> TrackedFace:
    return TrackedFace((0.0, 0.0, 9.0, 9.0), np.zeros((5, 2)), 1.0, track, np.full(7, 1 / 7), np.full(7, 1 / 7))


def test_nobody_knows_whose_voice_it_is() -> None:
    voice = np.array([0.5, 0.1, 0.1, 0.1, 0.1, 0.1])
    track = VoiceTrack(VOICE_EXPRESSIONS, np.full(6, 1 / 6), [VoiceWindow(1, 3, voice), VoiceWindow(2, 4, voice[::-1])])
    listener = Listener(track, EXPRESSIONS, 1.0, None)
    two, moment = listener.hear(1.5, [_face(1), _face(2)])
    assert [face.probabilities.tolist() for face in two] == [[1 / 7] * 7] * 2
    assert (moment.fused, moment.voice is not None) == (False, True)
    [one], moment = listener.hear(2.5, [_face(1)])
    np.testing.assert_allclose(one.probabilities, fuse(np.full(7, 1 / 7), (voice + voice[::-1]) / 2))
    assert listener.hear(4.0, [_face(1)])[1].voice is None
    timeline = Timeline(EXPRESSIONS, voices=VOICE_EXPRESSIONS)
    timeline.add(0, 1.5, two, listener.hear(1.5, two)[1])
    assert [row["source"] for row in timeline.rows()] == ["face", "face"]
    assert timeline.rows()[0]["voice_angry"] == 0.5


def test_a_model_with_other_classes_is_refused() -> None:
    track = VoiceTrack(VOICE_EXPRESSIONS, np.full(6, 1 / 6), [])
    with pytest.raises(UsageError, match="--voice needs a model that knows angry"):
        Listener(track, ("cat", "dog"), 1.0, None)
