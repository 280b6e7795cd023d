"""`.keras` files that older Keras 3 reads, and the labels in them."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from fer_zoo.contract import EXPRESSIONS, FERPLUS_EXPRESSIONS
from fer_zoo.errors import FerZooError
from fer_zoo.models import build_model
from fer_zoo.zoo import labels_of, load_manifest, read_keras
from fer_zoo.zoo.keras_file import keras_labels, oldest_keras, save_keras

# The settings in config.json that the layers of the zoo have in Keras 3.10.0.
_LAYER = {"name", "trainable", "dtype"}
_CONVOLUTION = {
    *("kernel_size", "strides", "padding", "data_format", "dilation_rate", "groups", "activation", "use_bias"),
    *("bias_initializer", "bias_regularizer", "bias_constraint", "activity_regularizer"),
}
_KERNEL = {"kernel_initializer", "kernel_regularizer", "kernel_constraint"}
_POOLING = {"pool_size", "strides", "padding", "data_format"}
_KNOWN_IN_3_10 = {
    "Add": _LAYER,
    "AveragePooling2D": _LAYER | _POOLING,
    "BatchNormalization": _LAYER
    | {"axis", "momentum", "epsilon", "center", "scale", "synchronized"}
    | {f"{part}_{what}" for part in ("beta", "gamma") for what in ("initializer", "regularizer", "constraint")}
    | {"moving_mean_initializer", "moving_variance_initializer"},
    "Concatenate": _LAYER | {"axis"},
    "Conv2D": _LAYER | _CONVOLUTION | _KERNEL | {"filters"},
    "Dense": _LAYER
    | _KERNEL
    | {"units", "activation", "use_bias", "bias_initializer", "bias_regularizer", "bias_constraint"},
    "DepthwiseConv2D": _LAYER
    | _CONVOLUTION
    | {"depth_multiplier", "depthwise_initializer", "depthwise_regularizer", "depthwise_constraint"},
    "DTypePolicy": {"name"},
    "Dropout": _LAYER | {"rate", "seed", "noise_shape"},
    "Functional": {"name", "trainable", "layers", "input_layers", "output_layers"},
    "GlobalAveragePooling2D": _LAYER | {"data_format", "keepdims"},
    "GlorotUniform": {"seed"},
    "HeNormal": {"seed"},
    "InputLayer": {"batch_shape", "dtype", "sparse", "ragged", "optional", "name"},
    "MaxPooling2D": _LAYER | _POOLING,
    "Multiply": _LAYER,
    "Ones": set(),
    "ReLU": _LAYER | {"max_value", "negative_slope", "threshold"},
    "Rescaling": _LAYER | {"scale", "offset"},
    "Resizing": _LAYER
    | {"height", "width", "interpolation", "crop_to_aspect_ratio", "pad_to_aspect_ratio", "fill_mode", "fill_value"}
    | {"data_format", "antialias"},
    "Softmax": _LAYER | {"axis"},
    "ZeroPadding2D": _LAYER | {"padding", "data_format"},
    "Zeros": set(),
    "__keras_tensor__": {"shape", "dtype", "keras_history"},
}


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("keras") / "model.keras"
    save_keras(build_model("baseline_cnn"), path)
    return path


@pytest.mark.parametrize("name", ["fernet_base", "efficientnet_lite0"])
def test_no_setting_is_written_that_keras_3_10_does_not_know(tmp_path: Path, name: str) -> None:
    """A newer Keras that adds a setting fails here: give it to `_NEW_KEYS`."""
    path = tmp_path / "model.keras"
    save_keras(build_model(name), path)
    unknown = {
        f"{kind}.{key}" for kind, keys in _settings(_config(path)) for key in keys - _KNOWN_IN_3_10.get(kind, set())
    }
    assert not unknown
    assert oldest_keras(path) == "3.10"


def test_weights_and_answers_stay(saved: Path, tmp_path: Path) -> None:
    model = read_keras(saved)
    plain = tmp_path / "plain.keras"
    model.save(plain)
    images = np.random.default_rng(0).uniform(0, 255, (3, 48, 48, 1)).astype("float32")
    assert all(np.array_equal(a, b) for a, b in zip(read_keras(plain).get_weights(), model.get_weights(), strict=True))
    assert np.array_equal(read_keras(plain).predict(images, verbose=0), model.predict(images, verbose=0))
    assert oldest_keras(plain) == "3.15"


def test_a_setting_that_is_not_the_default_stays(tmp_path: Path) -> None:
    import keras

    inputs = keras.Input((4,))
    layer = keras.layers.BatchNormalization(renorm=True, renorm_momentum=0.5)
    path = tmp_path / "model.keras"
    save_keras(keras.Model(inputs, layer(inputs)), path)
    (keys,) = (keys for kind, keys in _settings(_config(path)) if kind == "BatchNormalization")
    assert {"renorm", "renorm_momentum"} <= keys
    assert oldest_keras(path) == "3.14"


def test_the_manifest_says_what_keras_each_file_needs(root: Path) -> None:
    for artifact in load_manifest(root / "artifacts"):
        needs = oldest_keras(root / "artifacts" / artifact.path) if artifact.format == "keras" else ""
        assert artifact.oldest_keras == needs, artifact.path


def _config(path: Path) -> dict:
    with zipfile.ZipFile(path) as file:
        return json.loads(file.read("config.json"))


def _settings(config: object) -> list[tuple[str, set[str]]]:
    """The class of each object in a configuration, and the keys of its settings."""
    if isinstance(config, list):
        return [found for part in config for found in _settings(part)]
    if not isinstance(config, dict):
        return []
    inner = config.get("config")
    here = [(config["class_name"], set(inner))] if "class_name" in config and isinstance(inner, dict) else []
    return here + [found for part in config.values() for found in _settings(part)]


def test_labels_in_the_file_are_read_back_and_keras_does_not_mind_them(saved: Path, tmp_path: Path) -> None:
    model = build_model("baseline_cnn", classes=3)
    path = tmp_path / "model.keras"
    save_keras(model, path, ("smile", "no smile", "mouth open"))
    assert keras_labels(path) == labels_of(path, 3) == ("smile", "no smile", "mouth open")
    for ours, theirs in zip(read_keras(path).get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert keras_labels(saved) is None


def test_labels_of_files_that_do_not_tell_them(saved: Path, tmp_path: Path, root: Path) -> None:
    path = tmp_path / "model.keras"
    path.write_bytes(saved.read_bytes())
    assert labels_of(root / "artifacts" / "fernet_base_ferplus" / "model.keras", 8) == FERPLUS_EXPRESSIONS
    assert (labels_of(path, 7), labels_of(path, 8)) == (EXPRESSIONS, FERPLUS_EXPRESSIONS)
    with pytest.raises(FerZooError, match="has 2 outputs, and neither the file nor"):
        labels_of(path, 2)
    (tmp_path / "config.json").write_text('{"data": {"labels": ["smile", "no smile"]}}')
    assert labels_of(path, 2) == ("smile", "no smile")
    assert labels_of(path, 7) == EXPRESSIONS  # The config is of another model.


@pytest.mark.parametrize("content", ["{", "[]", '{"labels": ["a", "a"]}', '{"labels": 3}'])
def test_labels_that_cannot_be_used(tmp_path: Path, content: str) -> None:
    with zipfile.ZipFile(tmp_path / "model.keras", "w") as file:
        file.writestr("fer_zoo.json", content)
    with pytest.raises(FerZooError, match="label"):
        keras_labels(tmp_path / "model.keras")
