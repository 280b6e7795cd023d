"""Fifteen corruptions of a 48x48 gray face, each in five severities.

After ImageNet-C (Hendrycks and Dietterich 2019, arXiv:1903.12261), whose corruptions are for 224x224 colour images:
weather is left out, and errors of face detectors and webcams are added. Severities range from mild to where people
begin to make mistakes, too.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable

import numpy as np

SEVERITIES = (1, 2, 3, 4, 5)

Images = np.ndarray
Corrupt = Callable[[Images, float, np.random.Generator], Images]


def corrupt(images: np.ndarray, name: str, severity: int, seed: int = 2025) -> np.ndarray:
    """Corrupt images; the same arguments give the same pixels.

    Args:
        images: uint8 `[n, 48, 48]`, gray.
        name: One of `CORRUPTIONS`.
        severity: 1 to 5.
        seed: Seed of random corruptions; each corruption and severity draws its own numbers.

    Returns:
        uint8 `[n, 48, 48]`.
    """
    function, strengths, _ = CORRUPTIONS[name]
    rng = np.random.default_rng([seed, list(CORRUPTIONS).index(name), severity])
    changed = function(np.asarray(images, np.float32), strengths[severity - 1], rng)
    return np.clip(np.rint(changed), 0, 255).astype(np.uint8)


def _gaussian_noise(images: Images, strength: float, rng: np.random.Generator) -> Images:
    return images + rng.normal(0, strength, images.shape)


def _shot_noise(images: Images, strength: float, rng: np.random.Generator) -> Images:
    return rng.poisson(images / 255 * strength) * (255 / strength)


def _salt_and_pepper(images: Images, strength: float, rng: np.random.Generator) -> Images:
    noise = rng.random(images.shape)
    return np.where(noise < strength / 2, 0, np.where(noise > 1 - strength / 2, 255, images))


def _gaussian_blur(images: Images, strength: float, rng: np.random.Generator) -> Images:
    size, radius = images.shape[1], math.ceil(3 * strength)
    steps = np.arange(-radius, radius + 1)
    kernel = np.exp(-0.5 * (steps / strength) ** 2)
    matrix = np.zeros((size, size), np.float32)
    for weight, step in zip(kernel / kernel.sum(), steps, strict=True):
        np.add.at(matrix, (np.arange(size), np.clip(np.arange(size) + step, 0, size - 1)), weight)
    return matrix @ images @ matrix.T


def _motion_blur(images: Images, strength: float, rng: np.random.Generator) -> Images:
    directions = np.array([(0, 1), (1, 0), (1, 1), (1, -1)])
    which = rng.integers(len(directions), size=len(images))
    half = int(strength) // 2
    result = np.empty_like(images)
    for i, (down, right) in enumerate(directions):
        mine = images[which == i]
        steps = [_shifted(mine, down * step, right * step) for step in range(-half, half + 1)]
        result[which == i] = np.mean(steps, axis=0)
    return result


def _pixelation(images: Images, strength: float, rng: np.random.Generator) -> Images:
    size, small = images.shape[1], int(strength)
    edges = np.linspace(0, size, small + 1)
    low, high = np.arange(size), np.arange(size) + 1
    overlap = np.clip(np.minimum(high, edges[1:, None]) - np.maximum(low, edges[:-1, None]), 0, None)
    average = (overlap / overlap.sum(1, keepdims=True)).astype(np.float32)
    nearest = np.minimum((np.arange(size) + 0.5) * small / size, small - 1).astype(int)
    return (average @ images @ average.T)[:, nearest][:, :, nearest]


def _brightness(images: Images, strength: float, rng: np.random.Generator) -> Images:
    return images + strength


def _darkness(images: Images, strength: float, rng: np.random.Generator) -> Images:
    return images * strength


def _contrast(images: Images, strength: float, rng: np.random.Generator) -> Images:
    mean = images.mean(axis=(1, 2), keepdims=True)
    return (images - mean) * strength + mean


def _side_light(images: Images, strength: float, rng: np.random.Generator) -> Images:
    angle = rng.uniform(0, 2 * np.pi, len(images))[:, None, None]
    y, x = np.mgrid[-1 : 1 : images.shape[1] * 1j, -1 : 1 : images.shape[2] * 1j]
    across = (x * np.cos(angle) + y * np.sin(angle)) / np.sqrt(2)
    return images * (1 + strength * across)


def _jpeg(images: Images, strength: float, rng: np.random.Generator) -> Images:
    from PIL import Image

    result = np.empty_like(images)
    for i, image in enumerate(images.astype(np.uint8)):
        file = io.BytesIO()
        Image.fromarray(image).save(file, "JPEG", quality=int(strength))
        result[i] = np.asarray(Image.open(file))
    return result


def _occlusion(images: Images, strength: float, rng: np.random.Generator) -> Images:
    side, size = int(strength), images.shape[1]
    top, left = rng.integers(0, size - side + 1, (2, len(images), 1, 1))
    y, x = np.mgrid[:size, :size]
    hidden = (y >= top) & (y < top + side) & (x >= left) & (x < left + side)
    return np.where(hidden, 128, images)


def _rotation(images: Images, strength: float, rng: np.random.Generator) -> Images:
    angle = np.deg2rad(strength) * rng.choice([-1, 1], len(images))
    return _sampled(images, np.cos(angle), np.sin(angle), np.zeros(len(images)), np.zeros(len(images)))


def _shift(images: Images, strength: float, rng: np.random.Generator) -> Images:
    angle = rng.uniform(0, 2 * np.pi, len(images))
    still = np.ones(len(images)), np.zeros(len(images))
    return _sampled(images, *still, strength * np.sin(angle), strength * np.cos(angle))


def _scale(images: Images, strength: float, rng: np.random.Generator) -> Images:
    zoom = strength ** rng.choice([-1.0, 1.0], len(images))
    return _sampled(images, zoom, np.zeros(len(images)), np.zeros(len(images)), np.zeros(len(images)))


# Function, its strength at each severity, and what the strength is.
CORRUPTIONS: dict[str, tuple[Corrupt, tuple[float, ...], str]] = {
    "gaussian noise": (_gaussian_noise, (6, 12, 18, 26, 36), "standard deviation in gray levels"),
    "shot noise": (_shot_noise, (200, 100, 50, 25, 12), "photons in a white pixel"),
    "salt and pepper": (_salt_and_pepper, (0.01, 0.02, 0.04, 0.08, 0.14), "share of pixels"),
    "gaussian blur": (_gaussian_blur, (0.5, 0.8, 1.1, 1.5, 2.0), "standard deviation in pixels"),
    "motion blur": (_motion_blur, (3, 5, 7, 9, 11), "length in pixels, one of four directions"),
    "pixelation": (_pixelation, (36, 28, 22, 17, 12), "pixels across that are left"),
    "brightness": (_brightness, (25, 50, 75, 100, 125), "gray levels added"),
    "darkness": (_darkness, (0.7, 0.5, 0.35, 0.2, 0.1), "factor"),
    "contrast": (_contrast, (0.7, 0.5, 0.35, 0.2, 0.1), "factor of the distance from the mean"),
    "side light": (_side_light, (0.3, 0.5, 0.7, 0.9, 1.2), "gain from one side to the other, any direction"),
    "jpeg": (_jpeg, (60, 35, 20, 10, 5), "quality"),
    "occlusion": (_occlusion, (8, 12, 16, 20, 24), "side of a gray square in pixels, anywhere"),
    "rotation": (_rotation, (5, 10, 15, 22, 30), "degrees, either way"),
    "crop shift": (_shift, (2, 4, 6, 8, 11), "pixels, any direction"),
    "crop scale": (_scale, (1.08, 1.16, 1.25, 1.36, 1.5), "factor, larger or smaller"),
}


def _shifted(images: Images, down: int, right: int) -> Images:
    """Shift images by whole pixels and repeat their edges."""
    rows = np.clip(np.arange(images.shape[1]) - down, 0, images.shape[1] - 1)
    columns = np.clip(np.arange(images.shape[2]) - right, 0, images.shape[2] - 1)
    return images[:, rows][:, :, columns]


def _sampled(images: Images, a: np.ndarray, b: np.ndarray, down: np.ndarray, right: np.ndarray) -> Images:
    """Sample images bilinearly at rotated, scaled and shifted positions with repeated edges; a value for each image."""
    size = images.shape[1]
    middle = (size - 1) / 2
    y, x = np.mgrid[:size, :size] - middle
    a, b, down, right = (value.astype(np.float32)[:, None, None] for value in (a, b, down, right))
    source_y = np.clip(a * y + b * x + middle + down, 0, size - 1)
    source_x = np.clip(a * x - b * y + middle + right, 0, size - 1)
    top, left = np.minimum(source_y.astype(int), size - 2), np.minimum(source_x.astype(int), size - 2)
    fy, fx = source_y - top, source_x - left
    i = np.arange(len(images))[:, None, None]
    upper = images[i, top, left] * (1 - fx) + images[i, top, left + 1] * fx
    lower = images[i, top + 1, left] * (1 - fx) + images[i, top + 1, left + 1] * fx
    return upper * (1 - fy) + lower * fy
