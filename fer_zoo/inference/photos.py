"""Photos answered by several threads, in the order of the files."""

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

# Photos that one thread reads before it classifies their faces together, and that an interruption may lose.
_PHOTOS = 8


@dataclass(frozen=True, eq=False)
class PhotoAnswer:
    """The faces of one file.

    Attributes:
        file: Its name.
        faces: Where they are; `None` for a picture that is one face as a whole.
        probabilities: float32 `[n, classes]`, a row for each.
        errors: Why it could not be read or drawn.
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
        """The likeliest expressions of each face.

        Args:
            labels: Of the classes.
            top_k: How many expressions.
        """
        found = []
        for number, (face, row) in enumerate(zip(self.faces, self.probabilities, strict=True), start=1):
            order = np.argsort(-row, kind="stable")[:top_k]
            expressions = tuple((labels[i], round(float(row[i]), 6)) for i in order)
            found.append(Prediction(self.file, number, face, expressions))
        return found


def _as_it_is(photo: Photo) -> Photo:
    return photo


@dataclass(frozen=True, eq=False)
class PhotoPredictor:
    """Finds and classifies the faces of photos; threads may share it.

    Attributes:
        classifier: Gives the expressions.
        detector: Finds the faces.
        labels: Of the classes, as they are drawn.
        whole: Whether each picture is one face; `None`: small ones are.
        drawings: Where the photos are drawn with their faces.
        batch_size: Faces in one call of the model.
        fetch: Makes of what stands for a photo what is read as one, in the thread that reads it.
    """

    classifier: Classifier
    detector: FaceDetector
    labels: Sequence[str]
    whole: bool | None = None
    drawings: Mapping[Path, Path] = field(default_factory=dict)
    batch_size: int = 32
    fetch: Callable[[Photo], Photo] = _as_it_is

    def predict(self, files: Sequence[Photo], jobs: int) -> Iterator[PhotoAnswer]:
        """The answer for each file, in their order; a few files at a time are in work, whatever their number.

        Args:
            files: Photos.
            jobs: Threads. Decoders and runtimes compute outside of Python's lock, so that threads suffice.
        """
        count = max(1, min(_PHOTOS, self.batch_size, len(files) // (4 * jobs)))
        groups = (files[start : start + count] for start in range(0, len(files), count))
        for answers in self._in_order(groups, jobs):
            yield from answers

    def _in_order(self, groups: Iterable[Sequence[Photo]], jobs: int) -> Iterator[list[PhotoAnswer]]:
        if jobs == 1:
            yield from map(self._answers, groups)
            return
        with ThreadPoolExecutor(jobs) as pool:
            waiting: deque[Future[list[PhotoAnswer]]] = deque()
            try:
                for group in groups:
                    waiting.append(pool.submit(self._answers, group))
                    if len(waiting) > 2 * jobs:
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            finally:
                for future in waiting:
                    future.cancel()

    def _answers(self, files: Sequence[Photo]) -> list[PhotoAnswer]:
        photos = [self._read(file) for file in files]
        crops = [photo.crops for photo in photos if isinstance(photo, PhotoFaces)]
        empty = np.empty((0, len(self.classifier.labels)), np.float32)
        known = sum(map(len, crops))
        rows = self.classifier.predict_proba(np.concatenate(crops), self.batch_size) if known else empty
        answers = []
        for file, photo in zip(files, photos, strict=True):
            if isinstance(photo, str):
                answers.append(PhotoAnswer(_name(file), [], empty, [photo]))
                continue
            answers.append(self._answer(file, photo, rows[: len(photo.crops)]))
            rows = rows[len(photo.crops) :]
        return answers

    def _read(self, file: Photo) -> PhotoFaces | str:
        """The faces of a file, or why it cannot be read."""
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

    def _answer(self, file: Photo, photo: PhotoFaces, rows: np.ndarray) -> PhotoAnswer:
        errors: Sequence[str] = ()
        if photo.faces and isinstance(file, Path) and file in self.drawings:
            errors = self._draw(file, photo.faces, rows)
        faces: Sequence[Face | None] = [None] if photo.faces is None else photo.faces
        return PhotoAnswer(_name(file), faces, rows, errors, (photo.width, photo.height), photo.animated)

    def _draw(self, file: Path, faces: Sequence[Face], rows: np.ndarray) -> list[str]:
        """Draw the faces into the photo; why that failed."""
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
