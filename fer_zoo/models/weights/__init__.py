"""Pretrained weights into a model's backbone, from keras.applications' download or from a file."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import BadZipFile

import numpy as np

from fer_zoo.errors import FerZooError, UsageError

if TYPE_CHECKING:
    import keras

# The weights of each layer by its name, in the order of `layer.get_weights()`.
LayerWeights = dict[str, list[np.ndarray]]

# Which function of keras.applications has the backbone, and whether its download is of any use.
_STOCK = {
    "mobilenet_v2": ("MobileNetV2", True),
    "efficientnet_b0": ("EfficientNetB0", True),
    "resnet50": ("ResNet50", True),
    "mobilenet_face": ("MobileNet", False),
}


PRETRAINED = ("efficientnet_lite0", *_STOCK)
_ORIGINS = {
    "mobilenet_face": "weights of face recognition, published under MIT and Apache-2.0; VGGFace2, which they were "
    "trained on, is for research",
}


def has_download(name: str) -> bool:
    """Whether keras.applications can download weights for the model `name`."""
    return _STOCK.get(name, ("", False))[1]


def origin(name: str) -> str:
    """Where published weights for the model `name` come from, and their terms; half a sentence."""
    return _ORIGINS.get(name, "ImageNet weights, published under Apache-2.0")


def load_backbone(model: keras.Model, source: str) -> None:
    """Put pretrained weights into the backbone of a model.

    Args:
        model: One of the registry's models with a backbone, called as `build_model` calls it.
        source: `imagenet` for keras.applications' download, or a file: `.h5` of keras.applications' network (Keras 3 or
            older), `.npz` with the published names of EfficientNet-Lite0 (PyTorch) or of the folded MobileNetV1.

    Raises:
        UsageError: The file does not exist, or it belongs to another network; says what differs.
        FerZooError: It cannot be read or downloaded.
    """
    name = model.name
    if source == "imagenet":
        weights = _download(name)
    elif not Path(source).is_file():
        raise UsageError(f"there are no weights {source}; --weights takes a .h5 or .npz file, imagenet or none")
    elif source.endswith(".npz"):
        weights = _read_npz(model, Path(source))
    elif source.endswith(".h5"):
        weights = _read_h5(name, Path(source))
    else:
        raise UsageError(f"{source} is neither .h5 nor .npz")
    _assign(model, weights, source)


def _download(name: str) -> LayerWeights:
    import keras

    if not has_download(name):
        raise UsageError(f"keras.applications has no weights for {name}; pass --weights with a file, or none")
    try:
        # MobileNetV2's weights were trained at several sizes, of which the input's is taken.
        stock = getattr(keras.applications, _STOCK[name][0])
        return _by_layer(stock(input_shape=(96, 96, 3), weights="imagenet", include_top=False))
    except Exception as error:  # Keras wraps what urllib raises in a bare Exception.
        raise FerZooError(
            f"cannot download weights for {name} ({error}); pass --weights with a file, or none"
        ) from error


def _read_npz(model: keras.Model, path: Path) -> LayerWeights:
    from fer_zoo.models.weights import efficientnet_lite0, mobilenet_v1

    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (ValueError, OSError, EOFError, BadZipFile) as error:
        raise FerZooError(f"{path} cannot be read as .npz ({error})") from error
    for converter in (efficientnet_lite0, mobilenet_v1):
        if converter.MARK in arrays:
            try:
                return converter.convert(arrays)
            except KeyError as error:
                raise UsageError(f"{path} does not fit {model.name}: it has no {error.args[0]}") from error
    examples = ", ".join(list(arrays)[:3]) or "nothing"
    raise UsageError(f"{path} does not fit {model.name}: its arrays have unknown names ({examples}, …)")


def _read_h5(name: str, path: Path) -> LayerWeights:
    """Load into the stock network, whose layers the file's names count, and take each layer's weights from there."""
    import h5py
    import keras

    if name not in _STOCK:
        raise UsageError(f"{name} takes its weights from an .npz file, not from {path}")
    stock = getattr(keras.applications, _STOCK[name][0])(input_shape=(96, 96, 3), weights=None, include_top=False)
    try:
        with h5py.File(path) as file:
            available = _shapes(file)
            legacy = "layer_names" in file.attrs
    except OSError as error:
        raise FerZooError(f"{path} cannot be read as HDF5 ({error})") from error
    with tempfile.TemporaryDirectory() as folder:
        # Keras chooses between its two kinds of file by the name.
        link = Path(folder, "legacy.h5" if legacy else "model.weights.h5")
        if not legacy:
            stock.save_weights(link)
            with h5py.File(link) as file:
                _refuse_difference(name, path, _shapes(file), available)
            link.unlink()
        link.symlink_to(path.resolve())
        try:
            stock.load_weights(link)
        except Exception as error:  # Keras raises many kinds for a file of another network.
            reason = str(error).strip().splitlines()[0]
            raise UsageError(f"{path} does not fit {name}: {reason}") from error
    return _by_layer(stock)


def _assign(model: keras.Model, weights: LayerWeights, source: str) -> None:
    """Give every backbone layer its weights; what a file has beyond them (a normalization, a top) is left out."""
    required = {
        layer.name: [tuple(weight.shape) for weight in layer.weights]
        for layer in model.layers
        if layer.weights and not layer.name.startswith(("head_", "stem_rgb", "logits"))
    }
    available = {name: [array.shape for array in arrays] for name, arrays in weights.items() if name in required}
    _refuse_difference(model.name, source, required, available)
    for name in required:
        model.get_layer(name).set_weights(weights[name])


def _refuse_difference(model: str, source: str | Path, required: dict, available: dict) -> None:
    for name in required:
        if name not in available:
            raise UsageError(
                f"{source} does not fit {model}: it lacks {name}, and has {len(available)} of {len(required)} parts"
            )
        if required[name] != available[name]:
            raise UsageError(f"{source} does not fit {model}: {name} has shape {available[name]}, not {required[name]}")


def _shapes(file: object) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}
    file.visititems(lambda name, item: shapes.update({name: item.shape}) if hasattr(item, "shape") else None)  # type: ignore[attr-defined]
    return shapes


def _by_layer(model: keras.Model) -> LayerWeights:
    return {layer.name: layer.get_weights() for layer in model.layers if layer.weights}
