"""Training batches: shuffled and augmented, a pure function of seed, epoch and position."""

from __future__ import annotations

import numpy as np

from fer_zoo.data.augment import Augmentation, augment
from fer_zoo.expressions import EXPRESSIONS

Batch = tuple[np.ndarray, np.ndarray, np.ndarray]


class Batches:
    """Batches of one training set, epoch by epoch.

    Batch `i` of epoch `e` is the same on every backend and in every process with the same seed, so a resumed run sees
    exactly what an uninterrupted one does.

    Args:
        images: uint8 `[n, 48, 48]`.
        labels: int `[n]`, indices into `EXPRESSIONS`.
        batch_size: Images a batch; the last one of an epoch may be smaller.
        seed: Of shuffling and augmentation.
        augmentation: `None` trains on the images as they are.
        class_weights: float `[7]`, the weight of each class in the loss; `None` weighs all images alike.
    """

    def __init__(
        self,
        images: np.ndarray,
        labels: np.ndarray,
        batch_size: int,
        seed: int,
        augmentation: Augmentation | None = None,
        class_weights: np.ndarray | None = None,
    ) -> None:
        self.images = np.asarray(images)
        self.targets = np.eye(len(EXPRESSIONS), dtype=np.float32)[labels]
        self.weights = (np.ones(len(EXPRESSIONS)) if class_weights is None else class_weights)[labels].astype("float32")
        self.batch_size = batch_size
        self.seed = seed
        self.augmentation = augmentation

    def __len__(self) -> int:
        """Batches an epoch."""
        return -(-len(self.images) // self.batch_size)

    def batch(self, epoch: int, position: int) -> Batch:
        """One batch, float32: images `[b, 48, 48, 1]` in 0..255, one-hot targets `[b, 7]`, weights `[b]`."""
        order = np.random.default_rng((self.seed, epoch)).permutation(len(self.images))
        chosen = order[position * self.batch_size : (position + 1) * self.batch_size]
        images = self.images[chosen]
        if self.augmentation:
            images = augment(images, self.augmentation, np.random.default_rng((self.seed, epoch, position)))
        return images[..., None].astype(np.float32), self.targets[chosen], self.weights[chosen]


def balanced_class_weights(labels: np.ndarray) -> np.ndarray:
    """Weights inversely proportional to class frequency, mean 1 over the images (scikit-learn's "balanced").

    Args:
        labels: int `[n]`.

    Returns:
        float64 `[7]`; 0 for a class without images.
    """
    counts = np.bincount(labels, minlength=len(EXPRESSIONS))
    present = np.count_nonzero(counts)
    return np.divide(len(labels), present * counts, out=np.zeros(len(counts)), where=counts > 0)
