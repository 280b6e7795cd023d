"""The files that `--weights imagenet` downloads, in their own format, give the features of keras.applications."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from fer_zoo.models import build_model
from fer_zoo.models.weights import load_backbone

pytest.importorskip("keras")

if TYPE_CHECKING:
    import keras

SIZE = 48
# The module of keras.applications with the function, and arguments with which ours is the published network.
NETWORKS = {
    "efficientnet_b0": ("efficientnet", "EfficientNetB0", {"size": SIZE}),
    "resnet50": ("resnet", "ResNet50", {"size": SIZE, "stem_stride": 2}),
}


@pytest.fixture(scope="module", params=NETWORKS)
def published(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """A model's name, and random weights in the format of its download: HDF5 by layer, of older Keras."""
    import h5py
    import keras
    from keras.src.legacy.saving import legacy_h5_format

    name = request.param
    _, function, _ = NETWORKS[name]
    network = getattr(keras.applications, function)(weights=None, include_top=False, input_shape=(SIZE, SIZE, 3))
    random = np.random.default_rng(1)
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([random.uniform(0.5, 1.5, w.shape) * (i != 1) for i, w in enumerate(layer.get_weights())])
        if isinstance(layer, keras.layers.Normalization):
            mean, deviation = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
            layer.set_weights([np.array(mean), np.array(deviation), np.array(0)])
    path = tmp_path_factory.mktemp("published") / f"{name}_notop.h5"
    with h5py.File(path, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, network)
    return name, path


@pytest.mark.parametrize("source", ["imagenet", "file"])
def test_features_are_those_of_keras_applications(
    published: tuple[str, Path], source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import importlib

    from fer_zoo.training.transfer import split

    name, path = published
    module, function, options = NETWORKS[name]
    applications = importlib.import_module(f"keras.src.applications.{module}")
    monkeypatch.setattr(applications.file_utils, "get_file", lambda *_, **__: str(path))
    model = build_model(name, **options)
    load_backbone(model, "imagenet" if source == "imagenet" else str(path))
    ours = _features(split(model)[0], np.arange(48 * 48).reshape(1, 48, 48, 1) % 251)
    network = getattr(applications, function)(weights="imagenet", include_top=False, input_shape=(SIZE, SIZE, 3))
    rgb = np.repeat(np.arange(48 * 48).reshape(1, 48, 48, 1) % 251, 3, axis=-1).astype(np.float32)
    expected = _features(network, applications.preprocess_input(rgb))
    assert np.std(expected) > 0
    np.testing.assert_allclose(ours, expected, atol=1e-4 * np.abs(expected).max())


def _features(model: keras.Model, images: np.ndarray) -> np.ndarray:
    import keras

    return keras.ops.convert_to_numpy(model(images.astype(np.float32)))
