"""Features of a frozen backbone, computed once and stored while the layers above are trained on them."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np

from fer_zoo.data.augment import augment
from fer_zoo.data.batches import Batch, Batches
from fer_zoo.files import atomic_path
from fer_zoo.inference.predictor import Predictor
from fer_zoo.training.reporter import SILENT, Reporter

_BATCH = 64


class FeatureBatches:
    """Batches of features in the order of `Batches`: epoch `e` takes view `e % views` of the images.

    View 0 is the images themselves, the others are augmented, each once. Features are memory-mapped, in float16.

    Args:
        backbone: Model from images to features.
        batches: Batches of the images.
        views: Number of views of each image; 1 without augmentation.
        folder: Folder of the features; views that are there already are not computed again.
        reporter: Shows the progress.
    """

    def __init__(
        self, backbone: keras.Model, batches: Batches, views: int, folder: Path, reporter: Reporter = SILENT
    ) -> None:
        self.batches = batches
        self.views = [
            self._view(backbone, view, folder / f"view{view}.npy", reporter)
            for view in range(views if batches.augmentation else 1)
        ]

    def __len__(self) -> int:
        """Batches an epoch."""
        return len(self.batches)

    def batch(self, epoch: int, position: int) -> Batch:
        """One batch: features float32 `[b, height, width, channels]`, targets `[b, classes]`, weights `[b]`."""
        source = self.batches
        view = epoch % len(self.views)
        order = np.random.default_rng((source.seed, epoch)).permutation(len(source.images))
        chosen = order[position * source.batch_size : (position + 1) * source.batch_size]
        features = self.views[view][chosen].astype(np.float32)
        return features, source.targets[view % len(source.targets), chosen], source.weights[chosen]

    def _view(self, backbone: keras.Model, view: int, path: Path, reporter: Reporter) -> np.ndarray:
        if not path.exists():
            images = self.batches.images
            if view and self.batches.augmentation:
                images = augment(images, self.batches.augmentation, np.random.default_rng((self.batches.seed, view)))
            write_features(backbone, images, path, reporter)
        return np.load(path, mmap_mode="r")


def write_features(backbone: keras.Model, images: np.ndarray, path: Path, reporter: Reporter = SILENT) -> None:
    """Write the features of images, uint8 `[n, 48, 48]`, as float16 `.npy`, `[n, height, width, channels]`."""
    shape = (len(images), *backbone.output_shape[1:])
    predict = Predictor(backbone)
    with atomic_path(path) as temporary:
        features = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.float16, shape=shape)
        for start in reporter.track(range(0, len(images), _BATCH), "features"):
            features[start : start + _BATCH] = predict(images[start : start + _BATCH, ..., None], _BATCH)
        features.flush()
