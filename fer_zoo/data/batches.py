"""Training batches: shuffled and augmented, a pure function of seed, epoch and position."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fer_zoo.contract import EXPRESSIONS
from fer_zoo.data.augment import Augmentation, augment, augment_with_landmarks

# Images, targets and their weights; with landmarks, two targets and two weights.
Targets = np.ndarray | tuple[np.ndarray, np.ndarray]
Batch = tuple[np.ndarray, Targets, Targets]


class Batches:
    """Batches of one training set, epoch by epoch.

    Batch `i` of epoch `e` is the same on every backend and in every process with the same seed, so a resumed run sees
    exactly what an uninterrupted one does.

    Args:
        images: uint8 `[n, 48, 48]`.
        targets: float32 `[n, classes]`, a distribution over the classes for each image; or `[views, n, classes]`, one
            for each view.
        batch_size: Images a batch; the last one of an epoch may be smaller.
        seed: Seed of shuffling and augmentation.
        augmentation: `None` trains on the images as they are.
        weights: float32 `[n]`, the weight of each image in the loss; `None` weighs all alike.
        mixup: Alpha of the beta distribution from which each batch draws the share of a second image mixed into the
            first (Zhang et al., 2017, https://arxiv.org/abs/1710.09412); 0 for none.
        views: Augmented views of all images, as `augmented_views` makes them, of which epoch `e` takes view
            `e % len(views)`; if the augmentation flips, half of each batch is mirrored, too. Without views, each epoch
            augments the images anew.
        landmarks: float32 `[n, 5, 2]`, shares of the side, NaN where they are not known: a second target, which moves
            with the augmented images; not with `views` or `mixup`. `None` for none.
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
        views: Sequence[np.ndarray] = (),
        landmarks: np.ndarray | None = None,
    ) -> None:
        self.images = np.asarray(images)
        self.targets = targets if targets.ndim == 3 else targets[None]
        self.weights = np.ones(len(images), np.float32) if weights is None else weights
        self.batch_size = batch_size
        self.seed = seed
        self.augmentation = augmentation
        self.mixup = mixup
        self.views = views
        self.landmarks = landmarks

    def __len__(self) -> int:
        """Number of batches in an epoch."""
        return -(-len(self.images) // self.batch_size)

    def batch(self, epoch: int, position: int) -> Batch:
        """One batch, float32: images `[b, 48, 48, 1]` in 0..255, targets `[b, classes]`, weights `[b]`.

        With landmarks, targets and weights are pairs: the second target is `[b, 10]`, x and y in turn, and the second
        weight is 0 where a landmark is not known, else 1.
        """
        order = np.random.default_rng((self.seed, epoch)).permutation(len(self.images))
        chosen = order[position * self.batch_size : (position + 1) * self.batch_size]
        random = np.random.default_rng((self.seed, epoch, position))
        if self.landmarks is not None:
            return self._with_landmarks(epoch, chosen, random)
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

    def _with_landmarks(self, epoch: int, chosen: np.ndarray, random: np.random.Generator) -> Batch:
        assert self.landmarks is not None
        images, points = self.images[chosen], self.landmarks[chosen]
        if self.augmentation:
            images, points = augment_with_landmarks(images, points, self.augmentation, random)
        points = points.reshape(len(points), -1)
        known = ~np.isnan(points).any(1)
        targets = self.targets[epoch % len(self.targets), chosen], np.where(known[:, None], points, np.float32(0))
        return images[..., None].astype(np.float32), targets, (self.weights[chosen], known.astype(np.float32))


def augmented_views(
    images: np.ndarray, augmentation: Augmentation | None, count: int, seed: int
) -> tuple[np.ndarray, ...]:
    """Views of a training set that several epochs share: the images themselves, then `count - 1` augmented ones.

    Args:
        images: uint8 `[n, 48, 48]`.
        augmentation: `None` makes all views the images themselves.
        count: Number of views; 0 for none.
        seed: Seed of the augmentation.

    Returns:
        uint8 `[n, 48, 48]` each.
    """
    images = np.asarray(images)
    if augmentation is None:
        return (images,) * count
    others = (augment(images, augmentation, np.random.default_rng((seed, view))) for view in range(1, count))
    return (images, *others) if count else ()


def one_hot(labels: np.ndarray, classes: int = len(EXPRESSIONS)) -> np.ndarray:
    """One-hot targets, float32 `[n, classes]`, from labels, int `[n]`."""
    return np.eye(classes, dtype=np.float32)[labels]
