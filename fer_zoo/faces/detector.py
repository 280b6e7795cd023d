"""The YuNet face detector on ONNX Runtime."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from fer_zoo.crops import resize
from fer_zoo.errors import UsageError
from fer_zoo.faces.decode import OUTPUTS, STRIDES, decode, suppress
from fer_zoo.faces.photos import Photo, photo_array

# Made from the published file by `export.join_heads.join_heads`.
MODEL = Path(__file__).with_name("yunet.onnx")

# Boxes that overlap by more than this intersection over union are the same face.
_NMS_THRESHOLD = 0.3


@dataclass(frozen=True, eq=False)
class Face:
    """One face in an image.

    Attributes:
        box: x, y, width and height in pixels, from the forehead to the chin; it may reach beyond the image.
        landmarks: float32 `[5, 2]`, x and y of the person's right eye, left eye, nose, right and left corner of the
            mouth.
        score: The detector's confidence that this is a face, 0..1.

    Examples:
        >>> from fer_zoo import FaceDetector
        >>> [face] = FaceDetector().detect("photo.jpg")
        >>> x, y, width, height = face.box
        >>> bool(x < face.landmarks[2, 0] < x + width)  # The nose lies in the box.
        True
    """

    box: tuple[float, float, float, float]
    landmarks: np.ndarray
    score: float


class FaceDetector:
    """Finds faces with YuNet (Wu, Peng and Yu, "YuNet: A Tiny Millisecond-level Face Detector", 2023).

    Args:
        threads: CPU threads.
        score_threshold: Faces with a lower score are left out.
        size: Longer side of the network's input, in pixels; larger images are shrunk to it, smaller ones stay as they
            are. Faces from 1/64 of it up to all of it are found. Time and memory grow with its square.

    Raises:
        UsageError: An argument is out of its range.

    Examples:
        >>> from fer_zoo import FaceDetector
        >>> len(FaceDetector(score_threshold=0.8).detect("photo.jpg"))
        1
    """

    def __init__(self, threads: int = 1, score_threshold: float = 0.7, size: int = 640) -> None:
        if threads < 1:
            raise UsageError(f"the number of threads must be at least 1, not {threads}")
        if not 0 < score_threshold < 1:
            raise UsageError(f"the score threshold must lie between 0 and 1, not {score_threshold}")
        if size < STRIDES[-1]:
            raise UsageError(f"the detector's size must be at least {STRIDES[-1]} pixels, not {size}")
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(MODEL, options, providers=["CPUExecutionProvider"])
        self.threads = threads
        self.score_threshold = score_threshold
        self.size = size

    def __reduce__(self) -> tuple[type[FaceDetector], tuple[int, float, int]]:
        return FaceDetector, (self.threads, self.score_threshold, self.size)

    def detect(self, image: np.ndarray | Photo) -> list[Face]:
        """Find the faces of one image.

        Args:
            image: A photo as `read_photo` takes it, or uint8 `[h, w, 3]` (RGB) or `[h, w]` (gray).

        Returns:
            The faces, the best score first.

        Raises:
            UsageError: `image` is no photo and no such array.
            FerZooError: The file cannot be read.

        Examples:
            >>> from fer_zoo import FaceDetector
            >>> [face] = FaceDetector().detect("photo.jpg")
            >>> len(face.box), face.landmarks.shape, face.score > 0.7
            (4, (5, 2), True)
        """
        image = photo_array(image)
        height, width = image.shape[:2]
        image = shrink(image, self.size)
        rows, columns = image.shape[:2]
        step = STRIDES[-1]
        planes = np.zeros((1, 3, -(-rows // step) * step, -(-columns // step) * step), np.uint8)
        planes[0, :, :rows, :columns] = image if image.ndim == 2 else image[..., ::-1].transpose(2, 0, 1)
        heads = self._session.run(OUTPUTS, {"image": planes})
        boxes, landmarks, scores = decode(heads, self.score_threshold)
        back = np.array([width / columns, height / rows], np.float32)
        return [
            Face(tuple(map(float, boxes[i] * np.tile(back, 2))), landmarks[i] * back, float(scores[i]))  # type: ignore[arg-type]
            for i in suppress(boxes, _NMS_THRESHOLD)
        ]


def move_face(face: Face, corner: Sequence[float], scale: Sequence[float]) -> Face:
    """Convert a face's coordinates from a part of a picture, or a smaller copy of it, to the whole picture.

    Args:
        face: A face in the part.
        corner: Top left corner of the part, x and y, in pixels of the smaller copy.
        scale: Pixels of the whole picture for one of the smaller copy, along x and y.
    """
    x, y, width, height = face.box
    (left, top), (across, down) = corner, scale
    box = ((x + left) * across, (y + top) * down, width * across, height * down)
    return replace(face, box=box, landmarks=((face.landmarks + corner) * scale).astype(np.float32))


def shrink(image: np.ndarray, size: int) -> np.ndarray:
    """The image, made smaller if its longer side has more than `size` pixels."""
    height, width = image.shape[:2]
    scale = size / max(height, width)
    if scale >= 1:
        return image
    shape = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(resize(Image.fromarray(image), *shape))
