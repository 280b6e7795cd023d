"""Published weights in the zoo's backbones: same activations as an independent computation, misfits refused."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from published_networks import SIZE, activations, random_weights

from fer_zoo.errors import FerZooError
from fer_zoo.models import build_model
from fer_zoo.models.weights import load_backbone

PUBLISHED = ("efficientnet_lite0", "mobilenet_face")


@dataclass(frozen=True)
class Compared:
    """A backbone with published weights beside the published network; the largest differences."""

    scale: float
    alive: float
    difference: float
    after_statistics: float
    variance: float


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights as `efficientnet_lite0.npz` and `mobilenet_face.npz`."""
    pytest.importorskip("keras")
    folder = tmp_path_factory.mktemp("weights")
    for name in PUBLISHED:
        np.savez(folder / f"{name}.npz", **random_weights(name, np.random.default_rng(0)))
    return folder


@pytest.fixture(scope="module", params=PUBLISHED)
def compared(request: pytest.FixtureRequest, folder: Path, on_backend) -> Compared:
    import keras

    from fer_zoo.training.batch_norm import reestimate_statistics
    from fer_zoo.training.transfer import split

    name, random = request.param, np.random.default_rng(1)
    image = random.integers(0, 256, (2, 48, 48, 1)).astype("float32")
    expected = on_backend("torch", activations, name, folder / f"{name}.npz", image)
    model = build_model(name, size=SIZE)
    load_backbone(model, str(folder / f"{name}.npz"))
    backbone, _ = split(model)
    found = keras.ops.convert_to_numpy(backbone(image))
    faces = random.integers(0, 256, (64, 48, 48)).astype("uint8")
    reestimate_statistics(backbone, faces)
    again = keras.ops.convert_to_numpy(backbone(image))
    norm = next(layer for layer in backbone.layers if isinstance(layer, keras.layers.BatchNormalization))
    values = keras.ops.convert_to_numpy(keras.Model(backbone.input, norm.input)(faces[..., None].astype("float32")))
    return Compared(
        scale=np.abs(expected).max(),
        alive=(expected > 0).mean(),
        difference=np.abs(found - expected).max(),
        after_statistics=np.abs(again - expected).max(),
        variance=np.abs(norm.get_weights()[3] / values.var((0, 1, 2)) - 1).max(),
    )


@pytest.mark.slow
def test_converted_weights_give_the_published_activations(compared: Compared) -> None:
    assert compared.alive > 0.05
    assert compared.difference < 1e-4 * compared.scale + 1e-4


@pytest.mark.slow
def test_statistics_are_those_of_the_images_and_change_nothing(compared: Compared) -> None:
    assert compared.after_statistics < 1e-3 * compared.scale
    assert compared.variance < 1e-3


@pytest.mark.slow
def test_a_file_that_does_not_fit_says_what_differs(folder: Path, tmp_path: Path) -> None:
    import keras

    broken = dict(np.load(folder / "efficientnet_lite0.npz"))
    broken["_conv_head.weight"] = broken["_conv_head.weight"][:640]
    np.savez(tmp_path / "narrow.npz", **broken)
    del broken["_blocks.3._bn2.bias"]
    np.savez(tmp_path / "lacking.npz", **broken)
    np.savez(tmp_path / "other.npz", some=np.ones(3))
    (tmp_path / "cut.npz").write_bytes(b"PK cut")
    stock = keras.applications.MobileNetV2(input_shape=(96, 96, 3), include_top=False, weights=None, alpha=0.5)
    stock.save_weights(tmp_path / "half.weights.h5")
    lite0, v2 = build_model("efficientnet_lite0", size=SIZE), build_model("mobilenet_v2")
    for model, source, message in (
        (lite0, tmp_path / "narrow.npz", r"top_conv.*\(1, 1, 320, 640\)"),
        (lite0, tmp_path / "lacking.npz", r"it has no _blocks\.3\._bn2\.bias"),
        (lite0, tmp_path / "other.npz", "unknown names"),
        (lite0, tmp_path / "cut.npz", "cannot be read"),
        (lite0, folder / "mobilenet_face.npz", "lacks"),
        (v2, tmp_path / "half.weights.h5", "shape"),
        (v2, tmp_path / "missing.h5", "there are no weights"),
    ):
        with pytest.raises(FerZooError, match=message):
            load_backbone(model, str(source))


def test_weights_have_one_place_in_the_command(command) -> None:
    done = command("fer_zoo.train", "--model", "mobilenet_face")
    assert done.returncode == 2
    assert "pretrained weights" in done.stderr
    done = command("fer_zoo.train", "--weights", "file.h5")
    assert done.returncode == 2
    assert "baseline_cnn has no pretrained backbone" in done.stderr


def test_folded_bias_becomes_a_normalization_that_only_adds() -> None:
    from fer_zoo.models.weights.mobilenet_v1 import convert

    names = ["conv1", *(f"conv_{kind}_{i}" for i in range(1, 14) for kind in ("dw", "pw"))]
    layers = convert({f"{name}.{part}": np.full(3, 2.0) for name in names for part in ("kernel", "bias")})
    gamma, beta, mean, variance = layers["conv_pw_13_bn"]
    x = np.array([1.0, -1.0, 5.0])
    np.testing.assert_allclose(gamma * (x - mean) / np.sqrt(variance + 1e-3) + beta, x + 2)
