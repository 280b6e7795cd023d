"""Landmarks of faces that are crops already, such as FER2013's: found once by the detector, then cached."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from PIL import Image

from fer_zoo.faces.detector import MODEL, FaceDetector
from fer_zoo.files import atomic_path, cache_dir

# Right and left are the person's, as in `Face.landmarks`.
LANDMARKS = ("right eye", "left eye", "nose", "right corner of the mouth", "left corner of the mouth")

# Where each landmark is found in a mirrored face.
MIRRORED = (1, 0, 2, 4, 3)

# A crop is enlarged to this side, with a margin on each side: the detector finds 93 % of FER2013's faces so, and no
# more than 90 % with half the pixels.
ENLARGED = 192
MARGIN = 64

Track = Callable[[Sequence[np.ndarray], str], Iterable[np.ndarray]]


def enlarge_crop(image: np.ndarray) -> np.ndarray:
    """A crop, uint8 `[n, n]`, as a picture that the detector finds its face in: uint8 `[320, 320]`.

    It is enlarged to 192 pixels, and its outermost pixels are repeated around it, 64 on each side.
    """
    large = np.asarray(Image.fromarray(image).resize((ENLARGED, ENLARGED), Image.Resampling.BICUBIC))
    return np.pad(large, MARGIN, mode="edge")


def crop_landmarks(images: np.ndarray, track: Track | None = None) -> np.ndarray:
    """Find the landmarks of faces that are crops already; the same images are searched only once.

    Args:
        images: uint8 `[n, 48, 48]`.
        track: Shows the progress, as `fer_zoo.console.track` does.

    Returns:
        float32 `[n, 5, 2]`, x and y of the landmarks named in `LANDMARKS` as shares of the side, 0 to 1 within the
        crop; NaN where no face is found.

    Examples:
        >>> from fer_zoo import load_dataset
        >>> from fer_zoo.faces.landmarks import crop_landmarks
        >>> points = crop_landmarks(load_dataset("faces.zip").images[:4])
        >>> points.shape, bool((points[:, 0, 0] < points[:, 1, 0]).all())  # The person's right eye is at the left.
        ((4, 5, 2), True)
    """
    images = np.ascontiguousarray(images)
    key = hashlib.sha256(f"{ENLARGED} {MARGIN}".encode() + MODEL.read_bytes())
    key.update(images.data)
    path = cache_dir() / "landmarks" / f"{key.hexdigest()[:32]}.npy"
    with contextlib.suppress(OSError, ValueError, EOFError):
        landmarks = np.load(path, allow_pickle=False)
        if landmarks.shape == (len(images), len(LANDMARKS), 2):
            return landmarks
    detector = FaceDetector(size=ENLARGED + 2 * MARGIN)
    landmarks = np.full((len(images), len(LANDMARKS), 2), np.nan, np.float32)
    for points, image in zip(landmarks, track(list(images), "landmarks") if track else images, strict=True):
        if faces := detector.detect(enlarge_crop(image)):
            points[:] = (faces[0].landmarks - MARGIN) / ENLARGED
    with contextlib.suppress(OSError), atomic_path(path) as temporary, open(temporary, "wb") as file:
        np.save(file, landmarks)
    return landmarks
