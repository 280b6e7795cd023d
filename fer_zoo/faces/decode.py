"""From the heads of YuNet to faces."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

STRIDES = (8, 16, 32)
OUTPUTS = tuple(f"{head}_{stride}" for head in ("cls", "obj", "bbox", "kps") for stride in STRIDES)


def decode(heads: Sequence[np.ndarray], columns: int, threshold: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Every cell of the three feature maps whose score reaches `threshold` (Wu et al., 2023, YuNet).

    A cell predicts its box's centre relative to its own corner and its size as a logarithm, both in strides.

    Args:
        heads: The outputs named in `OUTPUTS`, float32 `[1, rows * columns, k]`.
        columns: Width of the network's input in pixels.
        threshold: Lowest score, the geometric mean of "is a face" and "is well placed".

    Returns:
        Boxes `[n, 4]` (x, y, width, height), landmarks `[n, 5, 2]` (x, y) and scores `[n]`, float32, in input pixels,
        best first.
    """
    levels = len(STRIDES)
    found = []
    for level, stride in enumerate(STRIDES):
        cls, obj, bbox, kps = (heads[level + levels * head][0] for head in range(4))
        score = np.sqrt(np.clip(cls[:, 0], 0, 1) * np.clip(obj[:, 0], 0, 1))
        cells = np.flatnonzero(score >= threshold)
        row, column = np.divmod(cells, columns // stride)
        corner = np.stack([column, row], axis=1).astype(np.float32)
        size = np.exp(bbox[cells, 2:]) * stride
        box = np.concatenate([(corner + bbox[cells, :2]) * stride - size / 2, size], axis=1)
        landmarks = (corner[:, None] + kps[cells].reshape(-1, 5, 2)) * stride
        found.append((box, landmarks, score[cells]))
    boxes, points, scores = (np.concatenate(parts) for parts in zip(*found, strict=True))
    order = np.argsort(-scores, kind="stable")
    return boxes[order], points[order], scores[order]


def suppress(boxes: np.ndarray, threshold: float) -> list[int]:
    """Non-maximum suppression: drop each box that overlaps a better one.

    Args:
        boxes: `[n, 4]` (x, y, width, height), best first.
        threshold: Intersection over union above which two boxes are the same face.

    Returns:
        Indices of the boxes that stay, best first.
    """
    kept: list[int] = []
    open_ = np.arange(len(boxes))
    while len(open_):
        kept.append(int(open_[0]))
        open_ = open_[1:][overlap(boxes[open_[0]], boxes[open_[1:]]) <= threshold]
    return kept


def overlap(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Intersection over union of one box `[4]` with each of `boxes` `[n, 4]`, all (x, y, width, height)."""
    low = np.maximum(box[:2], boxes[:, :2])
    high = np.minimum(box[:2] + box[2:], boxes[:, :2] + boxes[:, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=1)
    return shared / np.maximum(box[2:].prod() + boxes[:, 2:].prod(axis=1) - shared, 1e-9)
