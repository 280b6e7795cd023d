"""A peer that takes the same faces and gives the same seven expressions as a model of ours."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fer_zoo.contract import EXPRESSIONS
from fer_zoo.errors import FerZooError
from fer_zoo.files import cache_dir, sha256, write_bytes
from fer_zoo.inference.runtimes import LiteRT, OnnxRuntime

from . import keras_hdf5, tfjs, tflite
from .catalogue import Peer

if TYPE_CHECKING:
    from onnx import ModelProto

# Part of the cache key of a converted file: raise it when the same file would be converted differently.
_VERSION = 1

_PIXELS = 200_000


class PeerClassifier:
    """A peer in one runtime.

    Attributes:
        run: The bare runtime call: float32 `[n, size, size, channels]` as `prepare` gives, to float32 `[n, 7]`.

    Args:
        peer: Which.
        path: Its `.tflite` file, or its ONNX twin of `converted`.
        threads: Threads of the runtime.

    Raises:
        FerZooError: The file is damaged.
    """

    def __init__(self, peer: Peer, path: Path, threads: int) -> None:
        self._peer, self._path = peer, path
        try:
            self._model = (LiteRT if path.suffix == ".tflite" else OnnxRuntime)(path, threads)
        except FerZooError:
            raise
        except Exception as error:  # Each runtime has exceptions of its own.
            raise FerZooError(f"{path} is damaged or not a model: {error}") from error
        self._order = [peer.classes.index(name) for name in EXPRESSIONS]
        self.run = self._model.run

    def predict_proba(self, images: np.ndarray) -> np.ndarray:
        """The probability of each of `EXPRESSIONS`, float32 `[n, 7]`, of gray uint8 or float `[n, 48, 48]`."""
        # The hybrid kernels of LiteRT share one activation scale over a batch; its users run one face at a time.
        # Elsewhere as many at a time as fit well into the processor's caches.
        size = 1 if self._model.name == "litert" else max(_PIXELS // self._peer.size**2, 1)
        parts = [self.run(prepare(self._peer, images[i : i + size])) for i in range(0, len(images), size)]
        return np.concatenate(parts)[:, self._order]


def prepare(peer: Peer, images: np.ndarray) -> np.ndarray:
    """Faces as `peer` takes them, resized bilinearly as its own users' code does.

    Args:
        peer: The peer whose input is prepared.
        images: Gray 0..255 `[n, 48, 48]`.

    Returns:
        float32 `[n, size, size, channels]`.
    """
    rows = _interpolation(images.shape[1], peer.size)
    columns = _interpolation(images.shape[2], peer.size)
    resized = rows @ images.astype(np.float32) @ columns.T
    values = np.repeat(resized[..., None], peer.channels, axis=3)
    return np.ascontiguousarray((values - np.array(peer.mean, np.float32)) / np.float32(peer.divisor))


def files_of(peer: Peer, folder: Path) -> list[Path]:
    """All files of a peer: TensorFlow.js keeps weights in `.bin` files beside the JSON."""
    source = folder / peer.path
    return [source, *(sorted(source.parent.glob("*.bin")) if source.suffix == ".json" else ())]


def converted(peer: Peer, folder: Path) -> Path:
    """The float32 ONNX twin of a peer's file, made once and stored in the cache.

    Raises:
        FerZooError: The file is damaged or cannot be converted.
    """
    source = folder / peer.path
    key = "-".join(sha256(file)[:12] for file in files_of(peer, folder))
    path = cache_dir() / "peers" / f"{source.stem}-{key}-{_VERSION}.onnx"
    if not path.exists():
        write_bytes(path, _convert(peer, source).SerializeToString())
    return path


def _convert(peer: Peer, source: Path) -> ModelProto:
    readers = {
        "hdf5": keras_hdf5.to_onnx,
        "tflite": tflite.to_onnx,
        "graph_model": tfjs.graph_model_to_onnx,
        "face_api": tfjs.face_api_to_onnx,
    }
    return readers[peer.kind](source)


def _interpolation(length: int, size: int) -> np.ndarray:
    """The matrix `[size, length]` of a bilinear resize with half-pixel centres, which does not smooth."""
    position = np.clip((np.arange(size) + 0.5) * length / size - 0.5, 0, length - 1)
    lower = np.minimum(position.astype(int), length - 2)
    matrix = np.zeros((size, length), np.float32)
    matrix[np.arange(size), lower] = 1 - (position - lower)
    matrix[np.arange(size), lower + 1] = position - lower
    return matrix
