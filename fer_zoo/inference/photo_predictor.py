"""Finds and classifies the faces of many photos in several threads; the results keep the order of the files."""

from __future__ import annotations

import errno
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from fer_zoo.errors import FerZooError
from fer_zoo.faces import Face, FaceDetector
from fer_zoo.faces.photos import Photo
from fer_zoo.faces.results import Prediction
from fer_zoo.faces.search import PhotoFaces, search_photo
from fer_zoo.inference.classifier import Classifier
from fer_zoo.pictures import PictureError, read_picture
from fer_zoo.text import printable

# A thread reads so many photos before it classifies their faces in one call; an interruption loses at most these.
_MAX_GROUP = 8


@dataclass(frozen=True, eq=False)
class PhotoResult:
    """The faces of one photo with their probabilities.

    Attributes:
        file: Name of the photo.
        faces: The detected faces; `None` in place of a face if the whole picture was taken as one.
        probabilities: float32 `[n, classes]`, a row for each face.
        errors: Why the photo could not be read, or the annotated copy not be written.
        size: Width and height of the upright photo, in pixels; `None` where it could not be read.
        animated: Whether it is an animation, of which the first frame was read.
    """

    file: str
    faces: Sequence[Face | None]
    probabilities: np.ndarray
    errors: Sequence[str] = ()
    size: tuple[int, int] | None = None
    animated: bool = False

    def predictions(self, labels: Sequence[str], top_k: int) -> list[Prediction]:
        """The most probable expressions of each face.

        Args:
            labels: Names of the classes.
            top_k: How many expressions.
        """
        predictions = []
        for number, (face, row) in enumerate(zip(self.faces, self.probabilities, strict=True), start=1):
            order = np.argsort(-row, kind="stable")[:top_k]
            expressions = tuple((labels[i], round(float(row[i]), 6)) for i in order)
            predictions.append(Prediction(self.file, number, face, expressions))
        return predictions


def _unchanged(photo: Photo) -> Photo:
    return photo


@dataclass(frozen=True, eq=False)
class PhotoPredictor:
    """Finds and classifies the faces of photos; threads may share it.

    Attributes:
        classifier: Predicts the expressions.
        detector: Finds the faces.
        labels: Names of the classes for annotated copies.
        whole: Whether to take each picture as one face; `None` does so for pictures of at most 64 pixels.
        drawings: Where to write annotated copies: by the path of a photo, the path of its copy.
        batch_size: Faces in one call of the model.
        fetch: Called in the reading thread with each entry of `files`; returns the photo to read, such as the content
            behind an address.
    """

    classifier: Classifier
    detector: FaceDetector
    labels: Sequence[str]
    whole: bool | None = None
    drawings: Mapping[Path, Path] = field(default_factory=dict)
    batch_size: int = 32
    fetch: Callable[[Photo], Photo] = _unchanged

    def predict(self, files: Sequence[Photo], jobs: int) -> Iterator[PhotoResult]:
        """Yield the result for each file, in their order; only a few files are processed at a time.

        Args:
            files: The photos.
            jobs: Number of threads. Decoders and runtimes release Python's global lock, so threads suffice.
        """
        count = max(1, min(_MAX_GROUP, self.batch_size, len(files) // (4 * jobs)))
        groups = (files[start : start + count] for start in range(0, len(files), count))
        for results in self._in_order(groups, jobs):
            yield from results

    def _in_order(self, groups: Iterable[Sequence[Photo]], jobs: int) -> Iterator[list[PhotoResult]]:
        if jobs == 1:
            yield from map(self._predict_group, groups)
            return
        with ThreadPoolExecutor(jobs) as pool:
            waiting: deque[Future[list[PhotoResult]]] = deque()
            try:
                for group in groups:
                    waiting.append(pool.submit(self._predict_group, group))
                    if len(waiting) > 2 * jobs:
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            finally:
                for future in waiting:
                    future.cancel()

    def _predict_group(self, files: Sequence[Photo]) -> list[PhotoResult]:
        photos = [self._read(file) for file in files]
        crops = [photo.crops for photo in photos if isinstance(photo, PhotoFaces)]
        empty = np.empty((0, len(self.classifier.labels)), np.float32)
        count = sum(map(len, crops))
        rows = self.classifier.predict_proba(np.concatenate(crops), self.batch_size) if count else empty
        results = []
        for file, photo in zip(files, photos, strict=True):
            if isinstance(photo, str):
                results.append(PhotoResult(_name(file), [], empty, [photo]))
                continue
            results.append(self._result(file, photo, rows[: len(photo.crops)]))
            rows = rows[len(photo.crops) :]
        return results

    def _read(self, file: Photo) -> PhotoFaces | str:
        """The faces of a file, or the reason why it cannot be read."""
        try:
            photo = self.fetch(file)
        except PictureError as error:
            return printable(str(error))
        try:
            return search_photo(photo, self.detector, whole=self.whole)
        except PictureError as error:
            return f"{_name(file)} {printable(error.reason)}"
        except FerZooError as error:
            return printable(str(error))

    def _result(self, file: Photo, photo: PhotoFaces, rows: np.ndarray) -> PhotoResult:
        errors: Sequence[str] = ()
        if photo.faces and isinstance(file, Path) and file in self.drawings:
            errors = self._draw(file, photo.faces, rows)
        faces: Sequence[Face | None] = [None] if photo.faces is None else photo.faces
        return PhotoResult(_name(file), faces, rows, errors, (photo.width, photo.height), photo.animated)

    def _draw(self, file: Path, faces: Sequence[Face], rows: np.ndarray) -> list[str]:
        """Write an annotated copy of the photo; returns the errors, if any."""
        from fer_zoo.faces.annotate import annotate, caption, save_picture

        captions = [caption(row, self.labels) for row in rows]
        texts, colors = [text for text, _ in captions], [color for _, color in captions]
        target = self.drawings[file]
        try:
            save_picture(target, annotate(read_picture(file).rgb, faces, texts, colors))
        except FerZooError as error:
            return [printable(str(error))]
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise
            return [f"{printable(target)} cannot be written: {error.strerror}"]
        return []


def _name(photo: Photo) -> str:
    return printable(photo) if isinstance(photo, str | os.PathLike) else "the image"
