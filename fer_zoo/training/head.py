"""The first phase of transfer learning: the head is trained on features of the frozen backbone."""

from __future__ import annotations

import shutil
import time

import keras
import numpy as np
from scipy.special import softmax

from fer_zoo.data.augment import augment
from fer_zoo.inference.predictor import Predictor
from fer_zoo.text import plural
from fer_zoo.training.backbone_features import FeatureBatches, write_features
from fer_zoo.training.batch_norm import reestimate_statistics
from fer_zoo.training.callbacks import Phase
from fer_zoo.training.fit import Run, fit
from fer_zoo.training.optimizer import compile_model
from fer_zoo.training.run_folder import HEAD_FEATURES
from fer_zoo.training.transfer import split

# Batch statistics are re-estimated on so many training images.
_STATISTICS_IMAGES = 2048


def fit_head(run: Run) -> None:
    """Train the head on the features of the frozen backbone; see `fer_zoo.models.rgb.expression_head`.

    In the end, the model has the head of the best epoch, and a backbone whose batch normalization is ready for the
    second phase. If the second phase has begun already, nothing is done.

    Raises:
        FerZooError: The loss became infinite, or the checkpoint does not fit.
    """
    config, model, batches, checkpoint = run.config, run.model, run.batches, run.checkpoint
    assert config.transfer is not None
    if checkpoint.epochs("fine-tuning"):
        return
    backbone, head = split(model)
    compile_model(head, keras.optimizers.Adam(config.transfer.head_learning_rate), config.label_smoothing)
    checkpoint.restore(head, "head")
    if checkpoint.epochs("head") < config.transfer.head_epochs:
        folder = checkpoint.folder / HEAD_FEATURES
        started = time.perf_counter()
        views = min(config.transfer.head_views, config.transfer.head_epochs)
        features = FeatureBatches(backbone, batches, views, folder, run.reporter)
        write_features(backbone, run.selection.images, folder / "selection.npy", run.reporter)
        seconds = time.perf_counter() - started
        views_text = plural(len(features.views), "view")
        run.reporter.message(f"features of {len(batches.images):,} images, {views_text}  {seconds:.1f} s")
        selection_features = np.load(folder / "selection.npy", mmap_mode="r")
        predict = Predictor(head)
        phase = Phase(
            name="head",
            epochs=config.transfer.head_epochs,
            seed=config.seed,
            publish=lambda head: None,  # It shares its layers with the model.
            predict=lambda: softmax(predict(selection_features), axis=1),
            labels=run.selection.labels,
        )
        fit(run, head, features, phase)
        del features, selection_features
        shutil.rmtree(folder, ignore_errors=True)
    if checkpoint.best_weights:
        model.set_weights(checkpoint.best_weights)
    chosen = np.random.default_rng(config.seed).permutation(len(batches.images))[:_STATISTICS_IMAGES]
    images = batches.images[np.sort(chosen)]
    if batches.augmentation:
        images = augment(images, batches.augmentation, np.random.default_rng(config.seed))
    reestimate_statistics(backbone, images, run.reporter)
