"""Decodes the outputs of YuNet to boxes, landmarks and scores."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

STRIDES = (8, 16, 32)
OUTPUTS = tuple(f"heads_{stride}" for stride in STRIDES)


def decode(heads: Sequence[np.ndarray], threshold: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Decode all cells of the three feature maps whose score is at least `threshold` (Wu et al., 2023, YuNet).

    A cell predicts its box's centre relative to its own corner and its size as a logarithm, both in strides.

    Args:
        heads: The outputs named in `OUTPUTS`, float32 `[1, 16, rows, columns]`: the logits of the class (face or not)
            and of the predicted overlap with a face, the box, and the landmarks.
        threshold: Lowest score, the geometric mean of the two probabilities; above 0 and below 1.

    Returns:
        Boxes `[n, 4]` (x, y, width, height), landmarks `[n, 5, 2]` (x, y) and scores `[n]`, float32, in input pixels,
        best first.
    """
    # Neither of two probabilities is below the square of their geometric mean: most cells fail by their logits alone.
    lowest = math.log(threshold**2 / (1 - threshold**2))
    detections = []
    for (maps,), stride in zip(heads, STRIDES, strict=True):
        row, column = np.nonzero((maps[0] >= lowest) & (maps[1] >= lowest))
        cells = maps[:, row, column].T
        score = np.sqrt(1 / (1 + np.exp(-cells[:, :2])).prod(axis=1))
        corner = np.stack([column, row], axis=1).astype(np.float32)
        size = np.exp(cells[:, 4:6]) * stride
        box = np.concatenate([(corner + cells[:, 2:4]) * stride - size / 2, size], axis=1)
        landmarks = (corner[:, None] + cells[:, 6:].reshape(-1, 5, 2)) * stride
        passed = score >= threshold
        detections.append((box[passed], landmarks[passed], score[passed]))
    boxes, points, scores = (np.concatenate(parts) for parts in zip(*detections, strict=True))
    order = np.argsort(-scores, kind="stable")
    return boxes[order], points[order], scores[order]


def suppress(boxes: np.ndarray, threshold: float) -> list[int]:
    """Non-maximum suppression: drop each box that overlaps a better one.

    Args:
        boxes: `[n, 4]` (x, y, width, height), best first.
        threshold: Intersection over union above which two boxes are the same face.

    Returns:
        Indices of the remaining boxes, best first.
    """
    selected: list[int] = []
    candidates = np.arange(len(boxes))
    while len(candidates):
        best, others = candidates[0], candidates[1:]
        selected.append(int(best))
        candidates = others[overlap(boxes[best], boxes[others]) <= threshold]
    return selected


def overlap(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Intersection over union of one box `[4]` with each of `boxes` `[n, 4]`, all (x, y, width, height)."""
    low = np.maximum(box[:2], boxes[:, :2])
    high = np.minimum(box[:2] + box[2:], boxes[:, :2] + boxes[:, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=1)
    return shared / np.maximum(box[2:].prod() + boxes[:, 2:].prod(axis=1) - shared, 1e-9)
