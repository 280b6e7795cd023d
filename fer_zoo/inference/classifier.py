"""One classifier over ONNX Runtime, LiteRT and Keras."""

from __future__ import annotations

import os
import re
import threading
import warnings
import zipfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from fer_zoo.contract import IMAGE_SIZE
from fer_zoo.errors import FerZooError, UsageError
from fer_zoo.faces import FaceDetector, FaceExpression, crop_face
from fer_zoo.faces.photos import Photo, photo_array
from fer_zoo.faces.search import search_photo
from fer_zoo.inference.augmentation import TestTimeAugmentation, views
from fer_zoo.inference.images import read_image
from fer_zoo.inference.isolation import Isolated
from fer_zoo.inference.prior import Prior, adapt, estimate_prior, frequencies, normalized
from fer_zoo.inference.runtimes import LiteRT, OpenVino, Runtime, open_runtime
from fer_zoo.zoo import (
    FORMATS,
    artifact_path,
    checked_file,
    find_file,
    labels_of,
    load_manifest,
    training_prior,
    verified_path,
)

# The best single model by accuracy, under corruptions, in calibration and with the labels of other raters
# (docs/models.md, "The default").
DEFAULT_MODEL = "fernet_base:onnx:int8"

# How far probabilities may leave 0..1, and their sum 1, by rounding.
_TOLERANCE = 1e-3
_SUM_TOLERANCE = 1e-2

_SUFFIXES = tuple(f".{name}" for name in FORMATS)

# Held while a classifier that came from another process opens its file.
_LOADING = threading.Lock()


# Faces to classify: a photo that shows one face, crops as an array, or a list of either.
Faces = np.ndarray | Photo | Sequence[np.ndarray | Photo]


class Classifier:
    """A model file, ready to classify faces; made by `load_classifier`.

    Threads may share it. It can be pickled: another process opens the file when it first needs it. `close`, or the end
    of a `with` block, frees what it holds.

    Attributes:
        path: The model file.
        runtime: `onnxruntime`, `litert`, `openvino` or `keras`.
        labels: The classes, in the order of the probabilities: FER2013's seven expressions, FER+'s eight, or those of
            your own.
        input_shape: `(None, 48, 48, 1)`; the first is a number where the file fixes the batch.
        training_prior: float64 `[len(labels)]`, how often each class occurred in training; `None` if neither the file
            nor a manifest nor a run's config beside it has it.
        prior: How often each class occurs among the faces to classify, as given to `load_classifier`; `None`: as often
            as in training.

    Examples:
        >>> from fer_zoo import load_classifier
        >>> classifier = load_classifier("fernet_tiny:onnx:int8")
        >>> classifier.runtime, classifier.labels[3]
        ('onnxruntime', 'happy')
        >>> [face.label for face in classifier.analyze("photo.jpg")]
        ['happy']
    """

    def __init__(self, path: Path, load: Callable[[], Runtime | Isolated], prior: Prior | None = None) -> None:
        self.path = path
        self._load = load
        self._loaded: Runtime | Isolated | None = load()
        model = self._loaded
        self.runtime = model.name
        self.input_shape = model.input_shape
        self._batch_size = model.batch_size
        self._detector: FaceDetector | None = None
        expected = (IMAGE_SIZE, IMAGE_SIZE, 1)
        if self.input_shape[1:] != expected or self.input_shape[0] not in (None, 1):
            raise FerZooError(f"it takes images of shape {_text(self.input_shape)}, not {_text((None, *expected))}")
        if len(model.output_shape) != 2 or not (outputs := model.output_shape[1]):
            raise FerZooError(f"it gives an output of shape {_text(model.output_shape)}, not [*, classes]")
        self.labels = model.labels or labels_of(path, outputs)
        if len(self.labels) != outputs:
            classes = _text((None, len(self.labels)))
            raise FerZooError(f"it gives an output of shape {_text(model.output_shape)}, not {classes}")
        known = model.prior or training_prior(path)
        if known and len(known) != len(self.labels):
            raise FerZooError(f"it has {len(self.labels)} classes and a training prior of {len(known)}")
        self.training_prior = normalized(known) if known else None
        self.prior = prior
        self._frequencies = None if prior is None else frequencies(prior, self.labels, self.known_prior())

    def run(self, batch: np.ndarray) -> np.ndarray:
        """Call the runtime directly, without any check of input or output.

        Args:
            batch: float32 `[n, 48, 48, 1]` in 0..255.

        Returns:
            float32 `[n, len(labels)]`.
        """
        return self._model.run(batch)

    @property
    def _model(self) -> Runtime | Isolated:
        with _LOADING:
            if self._loaded is None:
                self._loaded = self._load()
            return self._loaded

    def close(self) -> None:
        """Free the model and end the process of an isolated one. A later call opens the file again."""
        with _LOADING:
            model, self._loaded = self._loaded, None
        if isinstance(model, Isolated):
            model.close()

    def __enter__(self) -> Classifier:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_loaded": None, "_detector": None}

    def predict_proba(
        self, images: Faces, batch_size: int | None = None, tta: TestTimeAugmentation | None = None
    ) -> np.ndarray:
        """The probability of each class.

        Args:
            images: Faces, cut out as `crop_face` does. uint8 or float, gray, 0..255: `[n, 48, 48]`, `[n, 48, 48, 1]`,
                or one `[48, 48]`; or a photo that shows one face and nothing else, as `read_photo` takes it, which is
                shrunk to 48x48; or a list of either.
            batch_size: Images in one call of the runtime; `None` is 16, with a Keras model 256.
            tta: Test-time augmentation: `mirror` averages the predictions for each image and its mirror image and takes
                twice the time; `ten-crop` averages those for ten views and takes ten times as long
                (`fer_zoo.inference.augmentation`).

        Returns:
            float32 `[n, len(labels)]`, columns in the order of `labels`.

        Raises:
            UsageError: `images` has another shape or other values, `batch_size` is below 1, there is no such
                augmentation, or `prior` is to be estimated from these images and they are too few.
            FerZooError: A file cannot be read, the runtime failed, or the model gave something other than a row of
                probabilities for each image.

        Examples:
            >>> from fer_zoo import load_classifier, load_dataset
            >>> test = load_dataset().subset("test")
            >>> probabilities = load_classifier("fernet_tiny:onnx:int8").predict_proba(test.images[:100])
            >>> probabilities.shape, probabilities.dtype
            ((100, 7), dtype('float32'))
        """
        probabilities = self._unadapted(images, batch_size, tta)
        if self.prior is None:
            return probabilities
        training_prior = self.known_prior()
        if self._frequencies is None:
            return adapt(probabilities, training_prior, estimate_prior(probabilities, training_prior))
        return adapt(probabilities, training_prior, self._frequencies)

    def estimate_prior(self, images: Faces, batch_size: int | None = None) -> dict[str, float]:
        """Estimate how often each class occurs among unlabelled faces (Saerens et al. 2002).

        The result is the `prior` to load a classifier for such faces with.

        Args:
            images: Faces, as `predict_proba` takes them: a random sample of those that will be classified.
            batch_size: Images in one call of the runtime; `None` is 16, with a Keras model 256.

        Returns:
            The frequency of each class, adding up to 1; `load_classifier` takes it as `prior`.

        Raises:
            UsageError: There are fewer than 10 faces for each class, or the model's training prior is not known.
            FerZooError: As in `predict_proba`.

        Examples:
            >>> from fer_zoo import load_classifier, load_dataset
            >>> test = load_dataset().subset("test")
            >>> happy = test.images[test.labels == 3][:100]
            >>> prior = load_classifier("fernet_tiny").estimate_prior(happy)
            >>> max(prior, key=prior.get)
            'happy'
            >>> classifier = load_classifier("fernet_tiny", prior=prior)
        """
        prior = estimate_prior(self._unadapted(images, batch_size), self.known_prior())
        return dict(zip(self.labels, prior.tolist(), strict=True))

    def known_prior(self) -> np.ndarray:
        """`training_prior`; UsageError if it is not known."""
        if self.training_prior is None:
            raise UsageError(
                f"{self.path} does not record how often each class occurred in its training, so its predictions cannot "
                "be adapted to another population; export it again from its run"
            )
        return self.training_prior

    def population(self) -> np.ndarray | None:
        """The class frequencies that the predictions are for: those of `prior`, else those of training.

        Returns:
            float64 `[len(labels)]`, adding up to 1; `None` if they are not known, or estimated at each call.
        """
        return self.training_prior if self.prior is None else self._frequencies

    def _unadapted(self, images: Faces, batch_size: int | None, tta: TestTimeAugmentation | None = None) -> np.ndarray:
        """The model's own probabilities, for the population of its training."""
        return np.mean([self._predict(view, batch_size) for view in views(_crops(images), tta)], axis=0)

    def _predict(self, crops: np.ndarray, batch_size: int | None) -> np.ndarray:
        probabilities = [self._probabilities(batch) for batch in self._batches(crops, batch_size)]
        return np.concatenate([np.empty((0, len(self.labels)), np.float32), *probabilities])

    def embed(self, images: Faces, batch_size: int | None = None) -> np.ndarray:
        """The features from which the model computes its logits: to cluster faces, or to train a classifier on.

        All float32 files of one model give the same features. An int8 file gives them rounded, and some int8 files
        multiply each feature by a constant, so compare only features that come from one file.

        Args:
            images: Faces, as `predict_proba` takes them.
            batch_size: Images in one call of the runtime; `None` is 16, with a Keras model 256.

        Returns:
            float32 `[n, d]`; `d` is 128 for fernet_nano, 192 for fernet_tiny, 256 for fernet_base, baseline_cnn and
            mobilenet_v2, 1024 for mobilenet_face, 1280 for efficientnet_lite0, and the same for their FER+ models.

        Raises:
            UsageError: As in `predict_proba`; the model is an ensemble, which has no such features, or not an ONNX or
                Keras file; or onnx is not installed.
            FerZooError: As in `predict_proba`.

        Examples:
            >>> from fer_zoo import load_classifier, load_dataset
            >>> test = load_dataset().subset("test")
            >>> load_classifier("fernet_tiny").embed(test.images[:100]).shape
            (100, 192)
        """
        model = self._model
        if isinstance(model, LiteRT | OpenVino) or (isinstance(model, Isolated) and not model.embeds):
            raise UsageError(f"{self.runtime} gives no features; load the model's ONNX or Keras file to embed faces")
        run = model.embed
        crops = _crops(images)
        if not len(crops):
            return self.embed(np.zeros((IMAGE_SIZE, IMAGE_SIZE), np.uint8))[:0]
        return np.concatenate([self._features(run, batch) for batch in self._batches(crops, batch_size)])

    def analyze(self, image: np.ndarray | Photo, detector: FaceDetector | None = None) -> list[FaceExpression]:
        """Find the faces of a photo and the expression on each.

        Args:
            image: A photo as `read_photo` takes it, or uint8 `[h, w, 3]` (RGB) or `[h, w]` (gray).
            detector: What finds the faces; by default `FaceDetector()`, made at the first call.

        Returns:
            Box, landmarks, probabilities and label of each face, the highest detection score first.

        Raises:
            UsageError: `image` is no photo and no such array.
            FerZooError: The file cannot be read, or the runtime failed.

        Examples:
            >>> from fer_zoo import load_classifier
            >>> [face] = load_classifier("fernet_tiny:onnx:int8").analyze("photo.jpg")
            >>> face.label
            'happy'
        """
        if detector is None:
            detector = self._detector = self._detector or FaceDetector()
        if isinstance(image, Photo):
            photo = search_photo(image, detector)
            faces, crops = photo.faces or [], photo.crops
        else:
            image = photo_array(image)
            faces = detector.detect(image)
            crops = np.array([crop_face(image, face) for face in faces])
        if not faces:
            return []
        probabilities = self.predict_proba(crops)
        return [
            FaceExpression(face.box, face.landmarks, face.score, row, self.labels[int(row.argmax())])
            for face, row in zip(faces, probabilities, strict=True)
        ]

    def _batches(self, crops: np.ndarray, batch_size: int | None) -> Iterator[np.ndarray]:
        """Split crops into float32 batches for the runtime."""
        if batch_size is not None and batch_size < 1:
            raise UsageError(f"the batch size must be at least 1, not {batch_size}")
        size = self.input_shape[0] or batch_size or self._batch_size
        for start in range(0, len(crops), size):
            batch = crops[start : start + size]
            _check_values(batch)
            yield np.ascontiguousarray(batch, np.float32)

    def _probabilities(self, batch: np.ndarray) -> np.ndarray:
        values = self._call(self.run, batch)
        shape = len(batch), len(self.labels)
        if values.shape != shape:
            raise FerZooError(f"{self.path} gave an output of shape {_text(values.shape)}, not {_text(shape)}")
        # NaN fails every comparison, so all faulty outputs reach the slow path below, which describes the fault.
        if not (
            values.min() >= -_TOLERANCE
            and values.max() <= 1 + _TOLERANCE
            and abs(values.sum(axis=1) - 1).max() <= _SUM_TOLERANCE
        ):
            self._expect_numbers(values)
            raise FerZooError(
                f"{self.path} gives logits or other scores, not probabilities (values of {values.min():.3g} to "
                f"{values.max():.3g}, a first row that sums to {values[0].sum():.3g}); export it with a softmax"
            )
        return values

    def _features(self, embed: Callable[[np.ndarray], np.ndarray], batch: np.ndarray) -> np.ndarray:
        values = self._call(embed, batch)
        if values.ndim != 2 or len(values) != len(batch):
            raise FerZooError(
                f"{self.path} gave features of shape {_text(values.shape)}, not {_text((len(batch), None))}"
            )
        self._expect_numbers(values)
        return values

    def _call(self, run: Callable[[np.ndarray], np.ndarray], batch: np.ndarray) -> np.ndarray:
        try:
            return run(batch)
        except (UsageError, MemoryError):
            raise
        except Exception as error:  # Each runtime has exceptions of its own.
            raise FerZooError(f"{self.runtime} could not run {self.path}: {_first_line(error)}") from error

    def _expect_numbers(self, values: np.ndarray) -> None:
        if not np.isfinite(values).all():
            raise FerZooError(f"{self.path} gave values that are not numbers (NaN or infinite)")


def load_classifier(
    model: str | os.PathLike[str] = DEFAULT_MODEL,
    *,
    threads: int = 1,
    backend: str | None = None,
    runtime: str | None = None,
    prior: Prior | None = None,
    isolated: bool = False,
) -> Classifier:
    """Load a model file with the runtime of its format.

    Args:
        model: A path to a `.onnx`, `.tflite` or `.keras` file or to the folder of an export, or the name of a model in
            the manifest. A name alone means its most exact ONNX file on this machine; `name:tflite` and
            `name:onnx:int8` choose a format and a precision. A file that is not on this machine is downloaded from
            the address in `FER_ZOO_MODELS`; without a precision, the smallest file is.
        threads: CPU threads of the runtime. For a `.keras` file they apply to the whole process, unless its backend
            already runs.
        backend: Keras backend (`tensorflow`, `jax` or `torch`) for a `.keras` file; `None`: `select_backend` chooses.
        runtime: `openvino` runs a `.onnx` or `.tflite` file on OpenVINO; `None` is the format's own runtime.
        prior: How often each class occurs among the faces to classify: `uniform`, `fer2013` (as in its training
            images), a mapping of classes to frequencies, or `estimate`, from the faces of each call
            (`fer_zoo.inference.prior`); `None`: as often as in the model's training.
        isolated: Run the model in a process of its own, with limits of memory and time (`fer_zoo.inference.isolation`):
            for a file that is not trusted. If it crashes, hangs or takes too much memory, that is a `FerZooError`. The
            predictions are the same, each call takes a little longer, and `close` ends the process.

    Raises:
        UsageError: There is no such file, name, runtime or prior, the runtime is not installed, or the file is not on
            this machine and there is no address to download it from.
        FerZooError: The file is not a model, or one with another input or output; or it is a file of the zoo, and its
            SHA-256 is not the one in the manifest.

    Examples:
        >>> from fer_zoo import load_classifier
        >>> load_classifier("fernet_nano:onnx:int8").labels
        ('angry', 'disgust', 'fear', 'happy', 'neutral', 'sad', 'surprise')
    """
    if not isinstance(model, str | os.PathLike):
        raise UsageError(f"a model must be a name or the path of a model file, not {type(model).__name__}")
    if threads < 1:
        raise UsageError(f"the number of threads must be at least 1, not {threads}")
    if runtime not in (None, "openvino"):
        raise UsageError(f"there is no runtime {runtime!r}; give openvino, or none for the format's own")
    path = _resolve(os.fspath(model))
    if runtime and path.suffix == ".keras":
        raise UsageError(f"OpenVINO runs .onnx and .tflite files, not {path}")
    try:
        return Classifier(path, partial(Isolated if isolated else open_runtime, path, threads, backend, runtime), prior)
    except (UsageError, MemoryError):
        raise
    except FerZooError as error:
        raise FerZooError(f"{path} does not fit: {error}") from error
    except Exception as error:  # Each runtime has exceptions of its own.
        raise FerZooError(f"{path} is damaged or not a {path.suffix} model: {_first_line(error)}") from error


def _resolve(model: str) -> Path:
    path = Path(model)
    if path.suffix not in _SUFFIXES and not path.exists() and os.sep not in model:
        return find_file(model)
    if not path.exists():
        raise UsageError(f"there is no model {path}")
    if path.is_dir():
        return _exported(path)
    if path.suffix not in _SUFFIXES:
        raise UsageError(f"{path} is not a model file: its name must end in {', '.join(_SUFFIXES)}")
    if not path.stat().st_size:
        raise FerZooError(f"{path} is empty")
    if path.suffix == ".keras" and not zipfile.is_zipfile(path):
        raise FerZooError(f"{path} is damaged or not a .keras model: it is not a zip file")
    return checked_file(path)


def _exported(folder: Path) -> Path:
    """The model file in a folder that `python -m export` wrote: its most exact ONNX file, else the first file."""
    files = load_manifest(folder)
    if not files or len({artifact_path(file, folder).parent for file in files}) > 1:
        raise UsageError(
            f"{folder} is a folder, and no export of a model; give the model file in it ({', '.join(_SUFFIXES)})"
        )
    return verified_path(next((file for file in files if file.format == "onnx"), files[0]), folder)


def _crops(images: Faces) -> np.ndarray:
    """All that `predict_proba` accepts as images, converted to an array `[n, 48, 48, 1]`."""
    if isinstance(images, list | tuple):
        if not any(isinstance(image, Photo) for image in images) and len({np.shape(image) for image in images}) == 1:
            return _crops(np.asarray(images))
        return np.concatenate([np.empty((0, IMAGE_SIZE, IMAGE_SIZE, 1), np.uint8), *map(_crops, images)])
    if isinstance(images, Photo):
        images = read_image(images)
    if not isinstance(images, np.ndarray):
        raise UsageError(f"images must be an array, a photo of one face or a list of them, not {type(images).__name__}")
    if images.dtype.kind not in "uif":
        raise UsageError(f"images must be numbers in 0..255, not {images.dtype}")
    if images.shape == (IMAGE_SIZE, IMAGE_SIZE):
        return images[None, :, :, None]
    if images.ndim == 3:
        images = images[..., None]
    if images.ndim != 4 or images.shape[1:] != (IMAGE_SIZE, IMAGE_SIZE, 1):
        raise UsageError(
            f"images must have shape [n, {IMAGE_SIZE}, {IMAGE_SIZE}] or [n, {IMAGE_SIZE}, {IMAGE_SIZE}, 1], "
            f"not {list(images.shape)}"
        )
    return images


def _check_values(batch: np.ndarray) -> None:
    if batch.dtype == np.uint8:
        return
    low, high = batch.min(), batch.max()
    if not 0 <= low <= high <= 255:  # Also false for NaN.
        raise UsageError(f"images must lie in 0..255, not {low}..{high}")
    if batch.dtype.kind == "f" and 0 < high <= 1:
        warnings.warn("images look scaled to 0..1; the models take 0..255", stacklevel=3)


def _text(shape: tuple[int | None, ...]) -> str:
    return "[" + ", ".join("*" if size is None else str(size) for size in shape) + "]"


def _first_line(error: Exception) -> str:
    text = str(error).strip() or type(error).__name__
    return re.sub(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ", "", text).splitlines()[0][:300]
