"""Test-time augmentation: the views of an image whose predictions are averaged."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, get_args

import numpy as np

from fer_zoo.errors import UsageError

TestTimeAugmentation = Literal["mirror", "ten-crop"]
TEST_TIME_AUGMENTATIONS: tuple[TestTimeAugmentation, ...] = get_args(TestTimeAugmentation)

# Pixels that the four corner crops are shifted by in each direction; chosen on PublicTest.
_SHIFT = 2


def views(images: np.ndarray, augmentation: TestTimeAugmentation | None) -> Iterator[np.ndarray]:
    """Yield the augmented views of a batch of images, one view of all images at a time.

    Args:
        images: Array `[n, height, width, 1]`.
        augmentation: `mirror`: the image and its mirror image. `ten-crop`: the image, the four crops that are shifted
            by two pixels towards a corner, with repeated edges, and the mirror images of these five (Krizhevsky et al.,
            2012, "ImageNet classification with deep convolutional neural networks", section 4.1, whose crops are
            smaller than the image). `None`: the image alone.

    Yields:
        Arrays like `images`.

    Raises:
        UsageError: There is no such augmentation.
    """
    if augmentation is None:
        yield images
        return
    if augmentation not in TEST_TIME_AUGMENTATIONS:
        known = " and ".join(TEST_TIME_AUGMENTATIONS)
        raise UsageError(f"there is no test-time augmentation {augmentation!r}; there are {known}")
    for crop in (images,) if augmentation == "mirror" else _five_crops(images):
        yield crop
        yield crop[:, :, ::-1]


def _five_crops(images: np.ndarray) -> Iterator[np.ndarray]:
    yield images
    height, width = images.shape[1:3]
    padded = np.pad(images, ((0, 0), (_SHIFT, _SHIFT), (_SHIFT, _SHIFT), (0, 0)), mode="edge")
    for top in (0, 2 * _SHIFT):
        for left in (0, 2 * _SHIFT):
            yield padded[:, top : top + height, left : left + width]
