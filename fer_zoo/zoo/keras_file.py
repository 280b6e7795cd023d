"""Writes `.keras` files that older versions of Keras 3 can read and that contain the labels of their outputs."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fer_zoo.errors import FerZooError
from fer_zoo.zoo.schema import labels_problem

if TYPE_CHECKING:
    import keras

_CONFIG = "config.json"
# A member of the zip archive that Keras ignores.
_METADATA = "fer_zoo.json"
_MAX_METADATA_BYTES = 1_000_000
_OLDEST = "3.10"


@dataclass(frozen=True)
class _NewKey:
    """A config key that Keras has added since 3.10: a Keras that does not know it refuses the file."""

    name: str
    default: Any
    since: str


_NEW_KEYS = {
    key.name: key
    for key in (
        _NewKey("quantization_config", None, "3.13"),  # Dense
        _NewKey("renorm", False, "3.14"),  # BatchNormalization
        _NewKey("renorm_clipping", None, "3.14"),
        _NewKey("renorm_momentum", 0.99, "3.14"),
        _NewKey("input_axes", None, "3.15"),  # initializers that scale with the fan, HeNormal for one
        _NewKey("output_axes", None, "3.15"),
    )
}


def save_keras(model: keras.Model, path: Path, labels: Sequence[str] = ()) -> None:
    """Write `model` as a `.keras` file that Keras 3.10 and newer read, if its layers exist there.

    Keras writes every setting of a layer, those that older versions do not know among them. Such settings are left out
    where they have their default value, which is what an older version computes anyway. Weights are not touched.

    Args:
        model: The model to write.
        path: Path of the file.
        labels: Labels of the model's outputs, in their order; `keras_labels` reads them again. Without any, none are
            written.
    """
    model.save(path)
    with zipfile.ZipFile(path) as file:
        content = {entry.filename: file.read(entry) for entry in file.infolist()}
    content[_CONFIG] = json.dumps(_without_new_keys(json.loads(content[_CONFIG]))).encode()
    if labels:
        content[_METADATA] = json.dumps({"labels": list(labels)}).encode()
    with zipfile.ZipFile(path, "w") as file:
        for name, data in content.items():
            file.writestr(name, data)


def keras_labels(path: Path) -> tuple[str, ...] | None:
    """The output labels that a `.keras` file contains, in their order; `None` if it contains none.

    Raises:
        FerZooError: The file contains labels that cannot be used.
    """
    try:
        with zipfile.ZipFile(path) as file:
            if file.getinfo(_METADATA).file_size > _MAX_METADATA_BYTES:
                raise ValueError("they are too long")
            labels = json.loads(file.read(_METADATA))["labels"]
    except (KeyError, zipfile.BadZipFile):  # No such member, or not a `.keras` file, which loading it reports.
        return None
    except (ValueError, TypeError, RecursionError) as error:
        raise FerZooError(f"the labels in {path} cannot be read ({error})") from error
    if problem := labels_problem(labels):
        raise FerZooError(f"{problem}, in {path}")
    return tuple(labels)


def oldest_keras(path: Path) -> str:
    """The oldest version of Keras that reads a `.keras` file, such as `3.10`, judged by the settings in the file."""
    with zipfile.ZipFile(path) as file:
        config = json.loads(file.read(_CONFIG))
    versions = [_OLDEST, *(_NEW_KEYS[name].since for name in _keys(config) if name in _NEW_KEYS)]
    return max(versions, key=version_numbers)


def _without_new_keys(config: Any) -> Any:
    if isinstance(config, list):
        return [_without_new_keys(part) for part in config]
    if not isinstance(config, dict):
        return config
    return {
        name: _without_new_keys(value)
        for name, value in config.items()
        if name not in _NEW_KEYS or value != _NEW_KEYS[name].default
    }


def _keys(config: Any) -> set[str]:
    if isinstance(config, list):
        return set().union(*map(_keys, config))
    if not isinstance(config, dict):
        return set()
    return set(config).union(*map(_keys, config.values()))


def version_numbers(version: str) -> tuple[int, ...]:
    """A version as numbers that can be compared: `3.10` becomes `(3, 10)`."""
    return tuple(int(number) for number in version.split(".") if number.isdigit())
