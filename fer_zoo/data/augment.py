"""Augmentation in NumPy and OpenCV: the same code, and so the same numbers, for every backend."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fer_zoo.faces.landmarks import MIRRORED


@dataclass(frozen=True)
class Augmentation:
    """Random affine transforms, the original project's recommendation by default, and changes of the pixels.

    Attributes:
        rotation: Largest angle in degrees, clockwise or counterclockwise.
        shift: Largest shift in each direction, as a fraction of the side.
        zoom: Largest change of scale, up or down, as a fraction.
        flip: Mirror half of the images.
        contrast: Largest change of contrast about the image's mean, up or down, as a fraction.
        brightness: Largest change of brightness, up or down, as a fraction of 255.
        cutout: Side of the gray square drawn at a random position in half of the images, as a fraction of the image's
            side (DeVries and Taylor, 2017, https://arxiv.org/abs/1708.04552).
    """

    rotation: float = 10.0
    shift: float = 0.1
    zoom: float = 0.1
    flip: bool = True
    contrast: float = 0.0
    brightness: float = 0.0
    cutout: float = 0.0

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


AUGMENTATIONS = {
    "affine": Augmentation(),
    "strong": Augmentation(rotation=12.0, zoom=0.15, contrast=0.3, brightness=0.1, cutout=0.3),
}


def augment(images: np.ndarray, augmentation: Augmentation, random: np.random.Generator) -> np.ndarray:
    """Transform each image at random: bilinear interpolation, repeated edge pixels.

    Args:
        images: uint8 `[n, size, size]`.
        augmentation: The ranges of the random changes.
        random: The random number generator.

    Returns:
        uint8 `[n, size, size]`.
    """
    return _augmented(images, augmentation.matrices(len(images), images.shape[1], random), augmentation, random)


def augment_with_landmarks(
    images: np.ndarray, landmarks: np.ndarray, augmentation: Augmentation, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """`augment`, and the landmarks moved with the images; the images are those of `augment`.

    Args:
        images: uint8 `[n, size, size]`.
        landmarks: float32 `[n, 5, 2]`, shares of the side, as `fer_zoo.faces.landmarks.crop_landmarks` finds them.
        augmentation: The ranges of the random changes.
        random: The random number generator.

    Returns:
        uint8 `[n, size, size]` and float32 `[n, 5, 2]`, in mirrored images with left and right exchanged.
    """
    matrices = augmentation.matrices(len(images), images.shape[1], random)
    return _augmented(images, matrices, augmentation, random), move_landmarks(landmarks, matrices, images.shape[1])


def move_landmarks(landmarks: np.ndarray, matrices: np.ndarray, size: int) -> np.ndarray:
    """Landmarks in transformed images.

    Args:
        landmarks: float32 `[n, 5, 2]`, shares of the side.
        matrices: float64 `[n, 2, 3]`, as `Augmentation.matrices` draws them.
        size: Side of the images in pixels.

    Returns:
        float32 `[n, 5, 2]`; where an image is mirrored, left and right are exchanged.
    """
    linear, offset = matrices[:, :, :2], matrices[:, None, :, 2]
    # The matrices lead from the new pixels to the old ones, whose middles are whole numbers.
    pixels = (landmarks * size - 0.5 - offset) @ np.linalg.inv(linear).transpose(0, 2, 1)
    moved = ((pixels + 0.5) / size).astype(np.float32)
    mirrored = np.linalg.det(linear) < 0
    moved[mirrored] = moved[mirrored][:, MIRRORED]
    return moved


def _augmented(
    images: np.ndarray, matrices: np.ndarray, augmentation: Augmentation, random: np.random.Generator
) -> np.ndarray:
    import cv2

    size = images.shape[1]
    result = np.empty_like(images)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    for image, matrix, target in zip(images, matrices, result, strict=True):
        cv2.warpAffine(image, matrix, (size, size), dst=target, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    if augmentation.contrast or augmentation.brightness:
        result = _change_light(result, augmentation, random)
    if augmentation.cutout:
        _cut_out(result, augmentation.cutout, random)
    return result


def _change_light(images: np.ndarray, augmentation: Augmentation, random: np.random.Generator) -> np.ndarray:
    count = (len(images), 1, 1)
    gain = 1 + random.uniform(-augmentation.contrast, augmentation.contrast, count).astype(np.float32)
    offset = 255 * random.uniform(-augmentation.brightness, augmentation.brightness, count).astype(np.float32)
    mean = images.mean((1, 2), keepdims=True, dtype=np.float32)
    return np.clip((images - mean) * gain + (mean + offset + 0.5), 0, 255).astype(np.uint8)


def _cut_out(images: np.ndarray, fraction: float, random: np.random.Generator) -> None:
    size = images.shape[1]
    half = round(fraction * size) // 2
    chosen = random.random(len(images)) < 0.5
    for image, (row, column), cut in zip(images, random.integers(0, size, (len(images), 2)), chosen, strict=True):
        if cut:
            image[max(row - half, 0) : row + half, max(column - half, 0) : column + half] = 128
