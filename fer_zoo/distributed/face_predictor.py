"""The unit of work that an engine sends to its processes: a batch of photos in, a row for each face out."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

import numpy as np
from PIL import Image

from fer_zoo.contract import translated
from fer_zoo.distributed.addresses import fetch
from fer_zoo.errors import UsageError
from fer_zoo.faces import FaceDetector
from fer_zoo.faces.photos import Photo, photo_array
from fer_zoo.faces.result_rows import csv_columns, csv_row
from fer_zoo.inference import DEFAULT_MODEL, load_classifier
from fer_zoo.inference.photo_predictor import PhotoPredictor, PhotoResult
from fer_zoo.inference.prior import Prior

_TEXTS = ("label_", "error")
_Row = list[Any]


@dataclass
class FacePredictor:
    """Finds the faces in batches of photos and predicts their expressions, as `fer-zoo predict` does.

    It can be pickled and is small: each process opens the model at its first batch. A model of the zoo must be named,
    or have the same path, on every machine.

    Attributes:
        model: As `load_classifier` takes it.
        column: The column of the photos: the content of image files (bytes), paths or addresses (`s3://…`, for which
            fsspec and its package for that store are needed), or pictures as arrays, uint8 `[h, w, 3]` (RGB) or
            `[h, w]` (gray).
        empty: Whether photos without a face have a row too.
        top_k: Expressions to tell of each face.
        crop: Whether every picture is a face already, cut as FER2013 cuts them; `None`: those of at most 64x64 pixels
            are.
        prior: As `load_classifier` takes it, but for `estimate`, which needs all faces at once.
        language: Language of the labels, `en` or `id`.
        detector_size: Longer side, in pixels, of what the face detector sees; more finds smaller faces, slower.
        batch_size: Faces in one call of the model.
        threads: CPU threads of the model and of the detector.
        jobs: Photos at the same time, in threads: where photos come from a network, more than one, so that the core
            has one to work on while others come.
        backend: Keras backend, for a `.keras` model.
        isolated: Run the model in a process of its own, as `load_classifier` does.

    Raises:
        UsageError: An argument is out of its range. Errors of the model are raised at the first batch.

    Examples:
        >>> import numpy as np
        >>> from fer_zoo.distributed import FacePredictor
        >>> predict = FacePredictor("fernet_tiny:onnx:int8", column="path")
        >>> faces = predict({"path": np.array(["photo.jpg", "missing.jpg"])})
        >>> faces["path"].tolist(), faces["face"].tolist(), faces["label_1"].tolist()
        (['photo.jpg', 'missing.jpg'], [1, 0], ['happy', ''])
        >>> faces["error"].tolist()
        ['', 'missing.jpg does not exist']
    """

    model: str | os.PathLike[str] = DEFAULT_MODEL
    _: KW_ONLY
    column: str = "bytes"
    empty: bool = False
    top_k: int = 3
    crop: bool | None = None
    prior: Prior | None = None
    language: str = "en"
    detector_size: int = 640
    batch_size: int = 32
    threads: int = 1
    jobs: int = 1
    backend: str | None = None
    isolated: bool = False
    _opened: PhotoPredictor | None = field(default=None, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.prior == "estimate":
            raise UsageError("the prior cannot be estimated batch by batch; give frequencies such as happy=0.2,sad=0.1")
        for name in ("top_k", "batch_size", "threads", "jobs"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} must be at least 1, not {getattr(self, name)}")

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_opened": None}

    def __call__(self, batch: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """A row for each face, and one for each photo that cannot be read.

        Args:
            batch: Columns of one length, `[n]`; a pandas data frame will do.

        Returns:
            The batch's columns, repeated for each face, but for the photos themselves where they are no text; and

            - `face`: int32, the face's number in its photo, from 1, the one that is most surely a face first; 0 in a
            row that is of no face,
            - `x`, `y`, `width`, `height`: float32, its box in pixels of the upright photo; NaN where the whole picture
            is the face, and in a row of no face,
            - `score`: float32, how surely it is a face, 0..1; NaN like the box,
            - `label_1`, `probability_1`, …: text and float32, the likeliest expressions; empty and NaN in a row of no
            face,
            - `error`: text, why the photo could not be read; else empty. A missing value is a photo that is empty.

        Raises:
            UsageError: There is no column of that name, one has the name of a result, the values are no photos, or as
                in `load_classifier`.
            FerZooError: The model is damaged or failed.
        """
        columns = {name: np.asarray(batch[name]) for name in batch}
        results = self.columns
        self._check(columns, results)
        photos = [_photo(value) for value in columns[self.column]]
        if columns[self.column].dtype.kind != "U" and not any(isinstance(photo, str) for photo in photos):
            del columns[self.column]
        numbers: list[int] = []
        rows: list[_Row] = []
        for number, result in enumerate(self._open().predict(photos, self.jobs)):
            for row in self._rows(result):
                numbers.append(number)
                rows.append(row)
        chosen = np.array(numbers, np.intp)
        found: dict[str, np.ndarray] = {
            name: np.array([row[i] for row in rows], _dtype(name)) for i, name in enumerate(results)
        }
        return {name: column[chosen] for name, column in columns.items()} | found

    @property
    def columns(self) -> list[str]:
        """The names of the results, in their order; opens the model."""
        return [*csv_columns(self._top_k)[1:], "error"]

    @property
    def _top_k(self) -> int:
        return min(self.top_k, len(self._open().labels))

    def _open(self) -> PhotoPredictor:
        if self._opened is None:
            classifier = load_classifier(
                self.model, threads=self.threads, backend=self.backend, prior=self.prior, isolated=self.isolated
            )
            detector = FaceDetector(self.threads, size=self.detector_size)
            labels = translated(classifier.labels, self.language)
            self._opened = PhotoPredictor(
                classifier, detector, labels, self.crop, batch_size=self.batch_size, fetch=fetch
            )
        return self._opened

    def _check(self, columns: Mapping[str, np.ndarray], results: list[str]) -> None:
        if self.column not in columns:
            raise UsageError(f"the batch has no column {self.column!r}; it has {', '.join(columns)}")
        if taken := [name for name in columns if name in results]:
            raise UsageError(f"the column {taken[0]!r} of the batch has the name of a result; give it another name")

    def _rows(self, result: PhotoResult) -> Iterator[_Row]:
        predictions = result.predictions(self._open().labels, self._top_k)
        for prediction in predictions:
            yield [math.nan if value == "" else value for value in csv_row(prediction)[1:]] + [""]
        if result.errors or (self.empty and not predictions):
            yield [0, *[math.nan] * 5, *["", math.nan] * self._top_k, "; ".join(result.errors)]


def _photo(value: object) -> Photo:
    if isinstance(value, np.ndarray):
        return Image.fromarray(photo_array(value))
    if isinstance(value, str | bytes):
        return value
    if value is None or value != value:  # Of pandas, also NaN.
        return b""
    raise UsageError(f"a photo in a batch must be bytes, a path, an address or an array, not {type(value).__name__}")


def _dtype(column: str) -> type:
    if column == "face":
        return np.int32
    return np.str_ if column.startswith(_TEXTS) else np.float32
