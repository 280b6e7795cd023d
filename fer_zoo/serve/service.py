"""From the bytes of a picture to its answer, for many requests at once."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from fer_zoo.crops import crop_centre
from fer_zoo.errors import FerZooError, UsageError
from fer_zoo.faces import Face, FaceDetector, crop_face
from fer_zoo.inference import load_classifier
from fer_zoo.pictures import PictureTooLargeError, read_picture
from fer_zoo.serve.batching import Batcher
from fer_zoo.serve.catalog import ServedModel, find_model
from fer_zoo.serve.limits import Limits
from fer_zoo.serve.protocol import HTTPError


class Service:
    """Detector and models in threads of their own; made inside the event loop that uses it.

    Args:
        models: What can be asked for; each is loaded when it first is.
        default: The one that answers where none is asked for.
        threads: Pictures decoded and searched for faces at the same time; each holds one decoded picture.
        limits: Of pixels, faces and batches.
    """

    def __init__(self, models: list[ServedModel], default: ServedModel, threads: int, limits: Limits) -> None:
        self.models = models
        self.default = default
        self.limits = limits
        self._detector = FaceDetector()
        self._photos = ThreadPoolExecutor(threads, "photos")
        self._classifying = ThreadPoolExecutor(1, "classifier")
        self._batchers: dict[str, Batcher] = {}
        self._loading = asyncio.Lock()

    async def load(self, model: ServedModel) -> Batcher:
        """The model's batcher; the first call loads its file.

        Raises:
            FerZooError: The file is damaged, or has other labels than its entry in the manifest, which answers repeat.
        """
        async with self._loading:
            if model.name not in self._batchers:
                loop = asyncio.get_running_loop()
                classifier = await loop.run_in_executor(self._classifying, load_classifier, model.verified_path())
                if list(classifier.labels) != model.artifact.output["labels"]:
                    raise FerZooError(f"{model.path} has other labels than the manifest says; export the model again")
                batcher = Batcher(classifier.predict_proba, self._classifying, self.limits.batch)
                self._batchers[model.name] = batcher
        return self._batchers[model.name]

    async def predict(self, content: bytes, reference: str | None, cropped: bool) -> dict[str, Any]:
        """The answer of `POST /v1/predict`.

        Args:
            content: An image file.
            reference: The model's name, `None` for the default.
            cropped: The picture is one face already.

        Raises:
            HTTPError: The model is not known, or the picture cannot be read or is too large.
        """
        try:
            model = self.default if reference is None else find_model(self.models, reference)
        except UsageError as error:
            raise HTTPError(400, str(error)) from error
        batcher = await self.load(model)
        read = self._read_face if cropped else self._read_photo
        (width, height), faces, crops = await asyncio.get_running_loop().run_in_executor(self._photos, read, content)
        labels = model.artifact.output["labels"]
        probabilities = await batcher.submit(crops) if len(crops) else ()
        answers = [_expression(labels, row) for row in probabilities]
        if faces is not None:
            answers = [_place(face) | answer for face, answer in zip(faces, answers, strict=True)]
        return {"model": model.name, "width": width, "height": height, "faces": answers}

    def close(self) -> None:
        for batcher in self._batchers.values():
            batcher.close()
        self._photos.shutdown(wait=False, cancel_futures=True)
        self._classifying.shutdown(wait=False, cancel_futures=True)

    def _read_photo(self, content: bytes) -> tuple[tuple[int, int], list[Face] | None, np.ndarray]:
        image = self._pixels(content)
        faces = self._detector.detect(image)[: self.limits.faces]
        crops = np.array([crop_face(image, face) for face in faces], np.uint8)
        return (image.shape[1], image.shape[0]), faces, crops

    def _read_face(self, content: bytes) -> tuple[tuple[int, int], list[Face] | None, np.ndarray]:
        image = self._pixels(content)
        return (image.shape[1], image.shape[0]), None, crop_centre(image)[None]

    def _pixels(self, content: bytes) -> np.ndarray:
        try:
            return read_picture(content, self.limits.pixels).pixels
        except PictureTooLargeError as error:
            raise HTTPError(413, f"{error}; shrink or crop it") from error
        except FerZooError as error:
            raise HTTPError(400, str(error)) from error


def _place(face: Face) -> dict[str, Any]:
    return {
        "box": [round(value, 2) for value in face.box],
        "landmarks": [[round(float(value), 2) for value in point] for point in face.landmarks],
        "score": round(face.score, 4),
    }


def _expression(labels: list[str], row: np.ndarray) -> dict[str, Any]:
    return {
        "label": labels[int(row.argmax())],
        "probabilities": {label: round(float(value), 6) for label, value in zip(labels, row, strict=True)},
    }
