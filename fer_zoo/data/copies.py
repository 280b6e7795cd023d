"""Finds exact copies: FER2013 contains some photos more than once, also in both train and test."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path, PurePosixPath

import numpy as np

from fer_zoo.data.dataset import Dataset

TRAIN_COPIES = Path(__file__).with_name("train_copies.txt")


def pixel_hashes(images: np.ndarray) -> np.ndarray:
    """A short hash of each image's pixels.

    Args:
        images: uint8 `[n, 48, 48]`.

    Returns:
        str `[n]`: the first 16 hexadecimal digits of the SHA-256 of the 2,304 bytes in row order.
    """
    return np.array([hashlib.sha256(image.tobytes()).hexdigest()[:16] for image in images], "U16")


def train_copies(dataset: Dataset) -> np.ndarray:
    """Which test images also occur in FER2013's full train split, so that a model may have memorized them.

    They are recognized by their pixels or, in a re-encoded copy of the data, by their file names
    (`PublicTest_…`, `PrivateTest_…`): the list of 568 images comes with the package.

    Returns:
        bool `[n]`, false for train images.
    """
    names, hashes = known_copies()
    copied = np.isin(pixel_hashes(dataset.images), list(hashes))
    copied |= np.array([PurePosixPath(name).stem in names for name in dataset.names.tolist()], bool)
    return copied & (dataset.splits != "train")


@cache
def known_copies() -> tuple[frozenset[str], frozenset[str]]:
    """File names (without suffix) and pixel hashes of FER2013's test images that also occur in its train split."""
    rows = [line.split() for line in TRAIN_COPIES.read_text("utf-8").splitlines() if not line.startswith("#")]
    return frozenset(name for name, _ in rows), frozenset(key for _, key in rows)
