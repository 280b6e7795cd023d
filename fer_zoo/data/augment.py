"""Augmentation in NumPy and OpenCV: one code and the same numbers for every backend."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Augmentation:
    """Random affine transforms, the original project's recommendation by default.

    Attributes:
        rotation: Largest angle, degrees either way.
        shift: Largest shift in each direction, as a fraction of the side.
        zoom: Largest change of scale, as a fraction either way.
        flip: Mirror half of the images.
    """

    rotation: float = 10.0
    shift: float = 0.1
    zoom: float = 0.1
    flip: bool = True

    def matrices(self, count: int, size: int, random: np.random.Generator) -> np.ndarray:
        """Draw affine maps about the image centre.

        Returns:
            float64 `[count, 2, 3]`, each mapping output pixel coordinates to input ones.
        """
        angle = np.deg2rad(random.uniform(-self.rotation, self.rotation, count))
        scale = 1 / random.uniform(1 - self.zoom, 1 + self.zoom, count)
        shift = random.uniform(-self.shift, self.shift, (count, 2)) * size
        mirror = np.where(random.random(count) < 0.5, -1.0, 1.0) if self.flip else np.ones(count)
        linear = np.empty((count, 2, 2))
        linear[:, 0, 0] = mirror * scale * np.cos(angle)
        linear[:, 0, 1] = -mirror * scale * np.sin(angle)
        linear[:, 1, 0] = scale * np.sin(angle)
        linear[:, 1, 1] = scale * np.cos(angle)
        centre = (size - 1) / 2
        offset = centre - (linear @ (centre + shift)[..., None])[..., 0]
        return np.concatenate([linear, offset[..., None]], axis=2)


def augment(images: np.ndarray, augmentation: Augmentation, random: np.random.Generator) -> np.ndarray:
    """Transform each image with a map of its own: bilinear, edges repeated.

    Args:
        images: uint8 `[n, size, size]`.
        augmentation: What to draw from.
        random: Source of the draws.

    Returns:
        uint8 `[n, size, size]`.
    """
    import cv2

    size = images.shape[1]
    result = np.empty_like(images)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    for image, matrix, target in zip(images, augmentation.matrices(len(images), size, random), result, strict=True):
        cv2.warpAffine(image, matrix, (size, size), dst=target, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return result
