"""Photos answered by several threads, in the order of the files."""

from __future__ import annotations

import errno
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from fer_zoo.errors import FerZooError
from fer_zoo.faces import Face, FaceDetector
from fer_zoo.faces.search import PhotoFaces, search_photo
from fer_zoo.inference import Classifier
from fer_zoo.pictures import read_picture
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
        remarks: What else there is to say about it.
        was_read: Whether it could be read.
    """

    file: str
    faces: Sequence[Face | None]
    probabilities: np.ndarray
    errors: Sequence[str] = ()
    remarks: Sequence[str] = ()
    was_read: bool = True


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
    """

    classifier: Classifier
    detector: FaceDetector
    labels: Sequence[str]
    whole: bool | None = None
    drawings: Mapping[Path, Path] = field(default_factory=dict)
    batch_size: int = 32

    def predict(self, files: Sequence[Path], jobs: int) -> Iterator[PhotoAnswer]:
        """The answer for each file, in their order; a few files at a time are in work, whatever their number.

        Args:
            files: Photos.
            jobs: Threads. Decoders and runtimes compute outside of Python's lock, so that threads suffice.
        """
        count = max(1, min(_PHOTOS, self.batch_size, len(files) // (4 * jobs)))
        groups = (files[start : start + count] for start in range(0, len(files), count))
        for answers in self._in_order(groups, jobs):
            yield from answers

    def _in_order(self, groups: Iterable[Sequence[Path]], jobs: int) -> Iterator[list[PhotoAnswer]]:
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

    def _answers(self, files: Sequence[Path]) -> list[PhotoAnswer]:
        photos = [self._read(file) for file in files]
        crops = [photo.crops for photo in photos if isinstance(photo, PhotoFaces)]
        empty = np.empty((0, len(self.classifier.labels)), np.float32)
        known = sum(map(len, crops))
        rows = self.classifier.predict_proba(np.concatenate(crops), self.batch_size) if known else empty
        answers = []
        for file, photo in zip(files, photos, strict=True):
            if isinstance(photo, str):
                answers.append(PhotoAnswer(printable(file), [], empty, [photo], was_read=False))
                continue
            answers.append(self._answer(file, photo, rows[: len(photo.crops)]))
            rows = rows[len(photo.crops) :]
        return answers

    def _read(self, file: Path) -> PhotoFaces | str:
        """The faces of a file, or why it cannot be read."""
        try:
            return search_photo(file, self.detector, whole=self.whole)
        except FerZooError as error:
            return printable(str(error))

    def _answer(self, file: Path, photo: PhotoFaces, rows: np.ndarray) -> PhotoAnswer:
        name = printable(file)
        remarks = []
        if photo.animated:
            remarks.append(f"{name} is an animation: its first frame was read")
        if photo.faces is None:
            if file in self.drawings:
                remarks.append(f"{name} is a face as a whole: there is nothing to draw on it")
            return PhotoAnswer(name, [None], rows, remarks=remarks)
        if not photo.faces:
            size = self.detector.size
            shrunk = max(photo.width, photo.height) > size
            larger = f", a --detector-size above {size} for small faces" if shrunk else ""
            remarks.append(f"no face was found in {name}; pass --crop if the whole picture is one{larger}")
        errors = self._draw(file, photo.faces, rows) if file in self.drawings else []
        return PhotoAnswer(name, photo.faces, rows, errors, remarks)

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
