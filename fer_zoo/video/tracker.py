"""Following faces from frame to frame, and their expressions smoothed over time."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image

from fer_zoo.faces import Face, FaceDetector, crop_face
from fer_zoo.faces.decode import STRIDES, overlap
from fer_zoo.faces.detector import move_face, shrink
from fer_zoo.inference import Classifier

_SAME_FACE = 0.3

# The picture shrunk to so many pixels correlates with the one before by less where there is a cut to another scene: in
# the clips tried by 0.89 and more from frame to frame, between unlike photos by 0.58 at most.
_SCENE = (32, 18)
# Of that picture each fourth pixel along each side is enough.
_SAMPLED = 4
_CUT = 0.6

# Between searches of the whole picture a face is looked for in a square of so many box lengths around its last place.
# It is cut at multiples of the detector's largest stride from the same shrunken picture, so that the detector sees the
# same pixels in the same cells: at another scale its box differs, and jumps with every change between the two.
_NEIGHBOURHOOD = 1.6


@dataclass(frozen=True, eq=False)
class TrackedFace(Face):
    """A face in a video.

    Attributes:
        track: Number of the person, from 1, the same for as long as the face is followed.
        probabilities: float32 `[classes]`, smoothed over time.
        raw: float32 `[classes]`, of this frame alone.
    """

    track: int
    probabilities: np.ndarray
    raw: np.ndarray


@dataclass(frozen=True)
class TrackerConfig:
    """How a video is looked at.

    Attributes:
        detect_every: Frames from one search of the whole picture to the next; in between each known face is looked for
            near its last place.
        smoothing: Time constant in seconds of the exponential average of the probabilities; 0 for none.
        patience: Seconds after which a face that is not found is given up.
        box_smoothing: The same time constant for box and landmarks, which keeps the crop from trembling.
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
    """Finds and follows the faces of one video: by overlap of their boxes from frame to frame.

    Args:
        classifier: Gives the expressions.
        detector: Searches whole frames.
        config: How often, how smooth.

    Attributes:
        shrinks: Whether the detector sees smaller pictures than the video has, in which small faces may be lost.
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
        """Whether the picture shows another scene than the last one; a flash or a fade is none."""
        sample = np.ascontiguousarray(small[::_SAMPLED, ::_SAMPLED])
        gray = Image.fromarray(sample).convert("L").resize(_SCENE, Image.Resampling.BOX)
        scene = np.asarray(gray, np.float32)
        scene -= scene.mean()
        last, self._scene = self._scene, scene
        if last is None or not scene.any() or not last.any():
            return False
        return float((scene * last).sum() / math.sqrt(float((scene**2).sum() * (last**2).sum()))) < _CUT

    def update(self, image: np.ndarray, seconds: float) -> list[TrackedFace]:
        """Take the next frame.

        Args:
            image: uint8 `[h, w, 3]`, RGB.
            seconds: Its time, later than that of the last frame.

        Returns:
            The faces seen in it, in the order of their tracks.
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
        """The faces near the last places, in pixels of the shrunken image."""
        found = []
        step = STRIDES[-1]
        for track in self._tracks:
            x, y, width, height = np.array(track.face.box) / np.tile(back, 2)
            centre, reach = np.array([x + width / 2, y + height / 2]), _NEIGHBOURHOOD * max(width, height) / 2
            left, top = (max(0, math.floor(low / step) * step) for low in centre - reach)
            right, bottom = (max(0, math.ceil(high / step) * step) for high in centre + reach)
            part = image[top:bottom, left:right]
            if part.size:
                found += [move_face(face, (left, top), (1, 1)) for face in self._detector.detect(part)]
        return sorted(found, key=lambda face: -face.score)

    def _assign(self, faces: list[Face], seconds: float, start_new: bool) -> None:
        """Give each face, the surest first, to the track it overlaps most; the rest start tracks of their own."""
        taken: list[Face] = []
        free = list(self._tracks)
        for face in faces:
            box = np.array(face.box)
            if taken and overlap(box, np.array([other.box for other in taken])).max() > _SAME_FACE:
                continue
            shares = overlap(box, np.array([track.face.box for track in free])) if free else np.zeros(1)
            if free and shares.max() > _SAME_FACE:
                track = free.pop(int(shares.argmax()))
                # After a gap the old place says nothing.
                track.face = _blend(track.face, face, _share(seconds - track.seen, self._config.box_smoothing))
                track.seen = seconds
            elif start_new:
                self._started += 1
                self._tracks.append(_Track(self._started, face, seconds, seconds))
            else:
                continue
            taken.append(face)

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
