"""Training batches: shuffled and augmented, a pure function of seed, epoch and position."""

from __future__ import annotations

import numpy as np

from fer_zoo.contract import EXPRESSIONS
from fer_zoo.data.augment import Augmentation, augment

Batch = tuple[np.ndarray, np.ndarray, np.ndarray]


class Batches:
    """Batches of one training set, epoch by epoch.

    Batch `i` of epoch `e` is the same on every backend and in every process with the same seed, so a resumed run sees
    exactly what an uninterrupted one does.

    Args:
        images: uint8 `[n, 48, 48]`.
        targets: float32 `[n, classes]`, a distribution over the classes for each image; or `[views, n, classes]`, one
            for each of the views that an image is seen in.
        batch_size: Images a batch; the last one of an epoch may be smaller.
        seed: Of shuffling and augmentation.
        augmentation: `None` trains on the images as they are.
        weights: float32 `[n]`, the weight of each image in the loss; `None` weighs all alike.
        mixup: Alpha of the beta distribution from which each batch draws the share of a second image mixed into the
            first (Zhang et al., 2017, https://arxiv.org/abs/1710.09412); 0 for none.
        views: Number of forms of each image, seen in turn, epoch by epoch, and kept in memory: as it is, and augmented;
            where the augmentation flips, half of a batch is mirrored besides. 0 augments anew each epoch.
    """

    def __init__(
        self,
        images: np.ndarray,
        targets: np.ndarray,
        batch_size: int,
        seed: int,
        augmentation: Augmentation | None = None,
        weights: np.ndarray | None = None,
        mixup: float = 0.0,
        views: int = 0,
    ) -> None:
        self.images = np.asarray(images)
        self.targets = targets if targets.ndim == 3 else targets[None]
        self.weights = np.ones(len(images), np.float32) if weights is None else weights
        self.batch_size = batch_size
        self.seed = seed
        self.augmentation = augmentation
        self.mixup = mixup
        self.views = [self.images, *(self._augmented(view) for view in range(1, views))] if views else []

    def __len__(self) -> int:
        """Batches an epoch."""
        return -(-len(self.images) // self.batch_size)

    def batch(self, epoch: int, position: int) -> Batch:
        """One batch, float32: images `[b, 48, 48, 1]` in 0..255, targets `[b, classes]`, weights `[b]`."""
        order = np.random.default_rng((self.seed, epoch)).permutation(len(self.images))
        chosen = order[position * self.batch_size : (position + 1) * self.batch_size]
        random = np.random.default_rng((self.seed, epoch, position))
        if self.views:
            images = self.views[epoch % len(self.views)][chosen]
            if self.augmentation and self.augmentation.flip:
                mirrored = random.random(len(images)) < 0.5
                images[mirrored] = images[mirrored, :, ::-1]
        else:
            images = self.images[chosen]
            if self.augmentation:
                images = augment(images, self.augmentation, random)
        images = images[..., None].astype(np.float32)
        targets = self.targets[epoch % len(self.targets), chosen]
        if self.mixup:
            share = np.float32(random.beta(self.mixup, self.mixup))
            images = share * images + (1 - share) * images[::-1]
            targets = share * targets + (1 - share) * targets[::-1]
        return images, targets, self.weights[chosen]

    def _augmented(self, view: int) -> np.ndarray:
        if self.augmentation is None:
            return self.images
        return augment(self.images, self.augmentation, np.random.default_rng((self.seed, view)))


def one_hot(labels: np.ndarray, classes: int = len(EXPRESSIONS)) -> np.ndarray:
    """Targets, float32 `[n, classes]`, of labels, int `[n]`."""
    return np.eye(classes, dtype=np.float32)[labels]


def balanced_class_weights(labels: np.ndarray, classes: int = len(EXPRESSIONS)) -> np.ndarray:
    """Weights inversely proportional to class frequency, mean 1 over the images (scikit-learn's "balanced").

    Args:
        labels: int `[n]`.
        classes: How many there are.

    Returns:
        float32 `[classes]`; 0 for a class without images.
    """
    counts = np.bincount(labels, minlength=classes)
    present = np.count_nonzero(counts)
    weights = np.divide(len(labels), present * counts, out=np.zeros(len(counts)), where=counts > 0)
    return weights.astype(np.float32)
