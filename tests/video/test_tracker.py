from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from fer_zoo.faces import Face, FaceDetector, read_photo
from fer_zoo.video.tracker import FaceTracker, TrackerConfig

IMAGE = np.zeros((200, 200, 3), np.uint8)


class Scripted(FaceDetector):
    """Finds what it is told to find, frame by frame."""

    def __init__(self, *frames: list[tuple[float, float]]) -> None:
        super().__init__()
        self.frames = list(frames)

    def detect(self, image: np.ndarray) -> list[Face]:
        return [Face((x, y, 40, 50), np.zeros((5, 2), np.float32), 0.9) for x, y in self.frames.pop(0)]


class Alternating:
    """A classifier that answers 0 and 1 by turns for the first expression."""

    def __init__(self) -> None:
        self.calls = 0

    def predict_proba(self, crops: np.ndarray) -> np.ndarray:
        self.calls += 1
        answer = np.zeros((len(crops), 7), np.float32)
        answer[:, self.calls % 2] = 1
        return answer


def track(config: TrackerConfig, times: list[float], *frames: list[tuple[float, float]]) -> list[Any]:
    tracker = FaceTracker(Alternating(), Scripted(*frames), config)  # type: ignore[arg-type]
    return [tracker.update(IMAGE, time) for time in times]


EVERY = TrackerConfig(detect_every=1)


def test_two_faces_keep_their_numbers_whatever_order_they_are_found_in():
    seen = track(EVERY, [0, 0.1, 0.2], [(10, 10), (120, 10)], [(112, 12), (15, 12)], [(20, 14), (104, 14)])
    assert [[face.track for face in faces] for faces in seen] == [[1, 2]] * 3
    assert all(faces[0].box[0] < 60 < faces[1].box[0] for faces in seen)


def test_a_face_comes_back_within_the_patience_and_is_another_one_after_it():
    config = TrackerConfig(detect_every=1, patience=0.5)
    seen = track(config, [0, 0.2, 0.4, 0.8, 1.5, 1.6], [(10, 10)], [], [(10, 10)], [(12, 10)], [], [(10, 10)])
    assert [[face.track for face in faces] for faces in seen] == [[1], [], [1], [1], [], [2]]


def test_one_face_found_twice_is_one_face():
    seen = track(EVERY, [0, 0.1], [(10, 10), (14, 12)], [(10, 10), (14, 12)])
    assert [[face.track for face in faces] for faces in seen] == [[1], [1]]


def test_the_average_follows_the_time_between_frames_not_their_number():
    config = TrackerConfig(detect_every=1, smoothing=0.4)
    seen = track(config, [0, 0.1, 0.4], [(10, 10)], [(10, 10)], [(10, 10)])
    assert [face.raw[1] for (face,) in seen] == [1, 0, 1]
    second = math.exp(-0.1 / 0.4)
    third = second + (1 - math.exp(-0.3 / 0.4)) * (1 - second)
    assert [face.probabilities[1] for (face,) in seen] == pytest.approx([1, second, third], abs=1e-6)
    assert seen[2][0].probabilities.sum() == pytest.approx(1, abs=1e-6)


def test_no_smoothing():
    seen = track(TrackerConfig(detect_every=1, smoothing=0, box_smoothing=0), [0, 0.1], [(10, 10)], [(15, 10)])
    assert seen[1][0].box == (15, 10, 40, 50)
    np.testing.assert_array_equal(seen[1][0].probabilities, seen[1][0].raw)


def test_between_searches_of_the_whole_picture_the_face_is_followed(moving):
    detector = FaceDetector()
    tracker = FaceTracker(Alternating(), detector, TrackerConfig(detect_every=1000, box_smoothing=0))  # type: ignore[arg-type]
    for i, image in enumerate(moving):
        (face,) = tracker.update(image, i / 10)
        (alone,) = detector.detect(image)
        np.testing.assert_allclose(face.box, alone.box, atol=6)
        np.testing.assert_allclose(face.landmarks, alone.landmarks, atol=6)
        assert face.track == 1


def test_a_cut_to_another_scene_starts_new_tracks(shared):
    photos = [read_photo(shared / "media" / name)[:360, :480] for name in ("obama-480p.jpg", "biden.jpg")]
    tracker = FaceTracker(Alternating(), Scripted(*[[(10, 10)]] * 5), EVERY)  # type: ignore[arg-type]
    frames = [photos[0], photos[0] // 2, photos[0], photos[1], photos[1]]
    seen = [tracker.update(image, number / 10) for number, image in enumerate(frames)]
    # A flash is no cut.
    assert [face.track for faces in seen for face in faces] == [1, 1, 1, 2, 2]
