"""Finds and classifies the faces of pictures, for many requests at once."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from fer_zoo.errors import FerZooError
from fer_zoo.faces.search import PhotoFaces
from fer_zoo.inference import Classifier, load_classifier
from fer_zoo.inference.prior import Prior
from fer_zoo.serve.batching import Batcher
from fer_zoo.serve.catalog import ServedModel
from fer_zoo.serve.limits import Limits
from fer_zoo.serve.photo_processes import PhotoWorkers
from fer_zoo.serve.photo_worker import read_small_face
from fer_zoo.serve.prometheus import Metrics


class Service:
    """The models, one of them loaded, and the processes that decode pictures.

    Args:
        models: The models that requests may name; each is loaded at its first request.
        default: The model for requests that name none; loaded at once.
        jobs: Pictures decoded and searched for faces at the same time.
        limits: Limits for pixels, faces and batches.
        metrics: Counts the size of each batch.
        prior: How often each class occurs among the faces, as `load_classifier` takes it.

    Raises:
        UsageError: The prior does not fit the default model.
        FerZooError: The default model's file is damaged, or does not fit its entry in the manifest.
    """

    def __init__(
        self,
        models: list[ServedModel],
        default: ServedModel,
        jobs: int,
        limits: Limits,
        metrics: Metrics,
        prior: Prior | None = None,
    ) -> None:
        self.models = models
        self.default = default
        self._limits = limits
        self._metrics = metrics
        self._prior = prior
        self._photos = PhotoWorkers(jobs, limits.pixels, limits.faces)
        self._classifying = ThreadPoolExecutor(1, "classifier")
        self._classifiers: list[Classifier] = []
        self._loading = asyncio.Lock()
        self._batchers = {default.name: self._load(default)}

    async def start(self) -> None:
        """Start the processes that decode pictures, so that the first requests need not wait for them."""
        await self._photos.start()

    async def crops(self, content: bytes, cropped: bool) -> PhotoFaces:
        """The faces of an image file, as `PhotoWorkers.crops` returns them."""
        if cropped and (face := read_small_face(content)) is not None:
            return face
        return await self._photos.crops(content, cropped)

    async def classify(self, model: ServedModel, faces: np.ndarray) -> np.ndarray:
        """Classify faces, uint8 or float32 `[n, 48, 48]`; returns probabilities, float32 `[n, classes]`.

        Raises:
            FerZooError: The model's file is damaged, or does not fit its entry in the manifest.
        """
        if model.name not in self._batchers:
            async with self._loading:
                if model.name not in self._batchers:
                    load = asyncio.get_running_loop().run_in_executor(self._classifying, self._load, model)
                    self._batchers[model.name] = await load
        return await self._batchers[model.name].submit(faces)

    def close(self) -> None:
        for batcher in self._batchers.values():
            batcher.close()
        self._photos.close()
        self._classifying.shutdown(wait=False, cancel_futures=True)
        for classifier in self._classifiers:
            classifier.close()

    def _load(self, model: ServedModel) -> Batcher:
        # Your own files are isolated even if a manifest lists them: it does not prove who made them.
        classifier = load_classifier(model.verified_path(), prior=self._prior, isolated=model.own)
        if list(classifier.labels) != model.artifact.output["labels"]:
            raise FerZooError(f"{model.path} has other labels than the manifest says; export the model again")
        self._classifiers.append(classifier)
        # A model that is not trusted may hang; with an executor of its own, the others do not wait for it.
        executor = ThreadPoolExecutor(1, "isolated") if model.own else self._classifying
        return Batcher(classifier.predict_proba, executor, self._limits.batch, self._metrics.batch.observe)
