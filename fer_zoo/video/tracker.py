"""Follows faces from frame to frame and smooths their expressions over time."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image

from fer_zoo.faces import Face, FaceDetector, crop_face
from fer_zoo.faces.decode import STRIDES, overlap
from fer_zoo.faces.detector import move_face, shrink
from fer_zoo.inference import Classifier

# Boxes that overlap by more than this intersection over union are the same face.
_MIN_OVERLAP = 0.3

# A cut to another scene is recognized by a low correlation of two successive frames, each shrunk to `_SCENE` pixels: in
# the clips tried it was at least 0.89 within a scene, and at most 0.58 between unlike photos.
_SCENE = (32, 18)
# The frame is sampled at every fourth pixel along each side before it is shrunk.
_SAMPLING_STEP = 4
_CUT_CORRELATION = 0.6

# Between searches of the whole picture a face is searched in a square of so many box lengths around its last position.
# The square is cut at multiples of the detector's largest stride from the same shrunken picture, so that the detector
# sees the same pixels in the same cells: at another scale its box would differ, and jump at every change of the two.
_NEIGHBOURHOOD = 1.6


@dataclass(frozen=True, eq=False)
class TrackedFace(Face):
    """A face in a video.

    Attributes:
        track: Number of the track, from 1, the same for as long as the face is followed.
        probabilities: float32 `[classes]`, smoothed over time.
        raw: float32 `[classes]`, the probabilities of this frame alone.
    """

    track: int
    probabilities: np.ndarray
    raw: np.ndarray


@dataclass(frozen=True)
class TrackerConfig:
    """Settings of the tracker.

    Attributes:
        detect_every: Frames from one search of the whole picture to the next; in between each known face is searched
            near its last position.
        smoothing: Time constant in seconds of the exponential average of the probabilities; 0 for no smoothing.
        patience: Seconds after which a face that is no longer detected is given up.
        box_smoothing: Time constant in seconds for box and landmarks, which keeps the crop from trembling.
    """

    detect_every: int = 3
    smoothing: float = 0.4
    patience: float = 0.5
    box_smoothing: float = 0.05


@dataclass
class _Track:
    number: int
    face: Face
    seen: float
    updated: float
    probabilities: np.ndarray | None = None


class FaceTracker:
    """Finds and follows the faces of one video, by the overlap of their boxes from frame to frame.

    Args:
        classifier: Predicts the expressions.
        detector: Finds the faces.
        config: Settings of the tracker.

    Attributes:
        shrinks: Whether frames are shrunk for the detector, so that small faces may be missed.
    """

    def __init__(self, classifier: Classifier, detector: FaceDetector, config: TrackerConfig | None = None) -> None:
        self._classifier = classifier
        self._detector = detector
        self._config = config or TrackerConfig()
        self._tracks: list[_Track] = []
        self._started = 0
        self._frames = 0
        self._scene: np.ndarray | None = None
        self.shrinks = False

    def _is_cut(self, small: np.ndarray) -> bool:
        """Whether the picture shows another scene than the last one; a flash or a fade does not count as one."""
        sample = np.ascontiguousarray(small[::_SAMPLING_STEP, ::_SAMPLING_STEP])
        gray = Image.fromarray(sample).convert("L").resize(_SCENE, Image.Resampling.BOX)
        scene = np.asarray(gray, np.float32)
        scene -= scene.mean()
        last, self._scene = self._scene, scene
        if last is None or not scene.any() or not last.any():
            return False
        correlation = float((scene * last).sum() / math.sqrt(float((scene**2).sum() * (last**2).sum())))
        return correlation < _CUT_CORRELATION

    def update(self, image: np.ndarray, seconds: float) -> list[TrackedFace]:
        """Process the next frame.

        Args:
            image: uint8 `[h, w, 3]`, RGB.
            seconds: Time stamp of the frame, later than that of the last one.

        Returns:
            The faces in this frame, in the order of their tracks.
        """
        small = shrink(image, self._detector.size)
        self.shrinks = small.shape != image.shape
        if self._is_cut(small):
            self._tracks.clear()
        whole = self._frames % self._config.detect_every == 0 or not self._tracks
        self._frames += 1
        back = (image.shape[1] / small.shape[1], image.shape[0] / small.shape[0])
        faces = self._detector.detect(small) if whole else self._search_near(small, back)
        faces = [move_face(face, (0, 0), back) for face in faces]
        self._assign(faces, seconds, start_new=whole)
        self._tracks = [track for track in self._tracks if seconds - track.seen <= self._config.patience]
        visible = [track for track in self._tracks if track.seen == seconds]
        if not visible:
            return []
        crops = np.stack([crop_face(image, track.face) for track in visible])
        return [
            self._smoothed(track, raw, seconds)
            for track, raw in zip(visible, self._classifier.predict_proba(crops), strict=True)
        ]

    def _search_near(self, image: np.ndarray, back: tuple[float, float]) -> list[Face]:
        """The faces near the last positions of the tracks, in pixels of the shrunken image."""
        faces = []
        step = STRIDES[-1]
        for track in self._tracks:
            x, y, width, height = np.array(track.face.box) / np.tile(back, 2)
            centre, reach = np.array([x + width / 2, y + height / 2]), _NEIGHBOURHOOD * max(width, height) / 2
            left, top = (max(0, math.floor(low / step) * step) for low in centre - reach)
            right, bottom = (max(0, math.ceil(high / step) * step) for high in centre + reach)
            part = image[top:bottom, left:right]
            if part.size:
                faces += [move_face(face, (left, top), (1, 1)) for face in self._detector.detect(part)]
        return sorted(faces, key=lambda face: -face.score)

    def _assign(self, faces: list[Face], seconds: float, start_new: bool) -> None:
        """Assign each face, the highest score first, to the track that it overlaps most; others start new tracks."""
        assigned: list[Face] = []
        free = list(self._tracks)
        for face in faces:
            box = np.array(face.box)
            if assigned and overlap(box, np.array([other.box for other in assigned])).max() > _MIN_OVERLAP:
                continue
            shares = overlap(box, np.array([track.face.box for track in free])) if free else np.zeros(1)
            if free and shares.max() > _MIN_OVERLAP:
                track = free.pop(int(shares.argmax()))
                # The longer ago the track was last seen, the less its old position counts.
                track.face = _blend(track.face, face, _share(seconds - track.seen, self._config.box_smoothing))
                track.seen = seconds
            elif start_new:
                self._started += 1
                self._tracks.append(_Track(self._started, face, seconds, seconds))
            else:
                continue
            assigned.append(face)

    def _smoothed(self, track: _Track, raw: np.ndarray, seconds: float) -> TrackedFace:
        old = raw if track.probabilities is None else track.probabilities
        smooth = old + _share(seconds - track.updated, self._config.smoothing) * (raw - old)
        track.probabilities, track.updated = smooth, seconds
        return TrackedFace(track.face.box, track.face.landmarks, track.face.score, track.number, smooth, raw)


def _share(elapsed: float, constant: float) -> float:
    """Weight of the new value in an exponential average."""
    return 1 - math.exp(-elapsed / constant) if constant > 0 else 1.0


def _blend(old: Face, new: Face, share: float) -> Face:
    box = tuple(a + share * (b - a) for a, b in zip(old.box, new.box, strict=True))
    return Face(box, old.landmarks + share * (new.landmarks - old.landmarks), new.score)  # type: ignore[arg-type]
