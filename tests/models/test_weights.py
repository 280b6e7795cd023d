"""Published weights in the zoo's backbones: same activations as an independent computation, misfits refused."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from fer_zoo.backend import installed_backends

# Random weights under the published names, written here; the networks again in torch's functions, straight from them.
COMPARE = """
import json, sys
from pathlib import Path
from fer_zoo.backend import select_backend
select_backend(sys.argv[1])
import keras, numpy as np, torch
import torch.nn.functional as F
from fer_zoo.errors import UsageError
from fer_zoo.models import build_model
from fer_zoo.models.weights import load_backbone
from fer_zoo.training.transfer import reestimate_statistics, split

folder = Path(sys.argv[2])
random = np.random.default_rng(0)
image = random.integers(0, 256, (2, 48, 48, 1)).astype("float32")

def same_padded(x, weight, stride, groups):
    size, kernel = x.shape[-1], weight.shape[-1]
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    x = F.pad(x, (total // 2, total - total // 2) * 2)
    return F.conv2d(x, weight, stride=stride, groups=groups)

def enlarged(size):
    gray = torch.tensor(image[..., 0])[:, None]
    return F.interpolate(gray, (size, size), mode="bilinear", align_corners=False).repeat(1, 3, 1, 1)

def he(*shape, fan):
    return (random.normal(size=shape) * np.sqrt(2 / fan)).astype("float32")

LITE0 = [(1, 16, 3, 1, 1), (2, 24, 3, 2, 6), (2, 40, 5, 2, 6), (3, 80, 3, 2, 6), (3, 112, 5, 1, 6), (4, 192, 5, 2, 6),
         (1, 320, 3, 1, 6)]

def lite0_blocks():
    channels = 32
    for repeats, filters, kernel, stride, expansion in LITE0:
        for repeat in range(repeats):
            yield channels, filters, kernel, stride if repeat == 0 else 1, expansion
            channels = filters

def lite0_arrays():
    arrays = {}
    def conv(name, outputs, inputs, kernel):
        arrays[f"{name}.weight"] = he(outputs, inputs, kernel, kernel, fan=inputs * kernel**2)
    def norm(name, channels):
        arrays[f"{name}.weight"] = random.uniform(0.5, 1.5, channels).astype("float32")
        arrays[f"{name}.bias"] = random.normal(size=channels).astype("float32")
        arrays[f"{name}.running_mean"] = random.normal(size=channels).astype("float32")
        arrays[f"{name}.running_var"] = random.uniform(0.5, 1.5, channels).astype("float32")
    conv("_conv_stem", 32, 3, 3); norm("_bn0", 32)
    for index, (inputs, filters, kernel, _, expansion) in enumerate(lite0_blocks()):
        name, wide = f"_blocks.{index}", inputs * expansion
        if expansion > 1:
            conv(f"{name}._expand_conv", wide, inputs, 1); norm(f"{name}._bn0", wide)
        conv(f"{name}._depthwise_conv", wide, 1, kernel); norm(f"{name}._bn1", wide)
        conv(f"{name}._project_conv", filters, wide, 1); norm(f"{name}._bn2", filters)
    conv("_conv_head", 1280, 320, 1); norm("_bn1", 1280)
    return arrays

def lite0(arrays):
    t = {name: torch.tensor(value) for name, value in arrays.items()}
    def norm(x, name):
        return F.batch_norm(x, *(t[f"{name}.{p}"] for p in ("running_mean", "running_var", "weight", "bias")), eps=1e-3)
    x = (enlarged(64) - 127) / 128
    x = F.relu6(norm(same_padded(x, t["_conv_stem.weight"], 2, 1), "_bn0"))
    for index, (inputs, filters, kernel, stride, expansion) in enumerate(lite0_blocks()):
        name, before = f"_blocks.{index}", x
        if expansion > 1:
            x = F.relu6(norm(F.conv2d(x, t[f"{name}._expand_conv.weight"]), f"{name}._bn0"))
        x = F.relu6(norm(same_padded(x, t[f"{name}._depthwise_conv.weight"], stride, x.shape[1]), f"{name}._bn1"))
        x = norm(F.conv2d(x, t[f"{name}._project_conv.weight"]), f"{name}._bn2")
        x = x + before if x.shape == before.shape else x
    return F.relu6(norm(F.conv2d(x, t["_conv_head.weight"]), "_bn1"))

V1 = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1)]

def v1_arrays():
    arrays = {"conv1.kernel": he(3, 3, 3, 32, fan=27) / 64, "conv1.bias": he(32, fan=2)}
    channels = 32
    for index, (filters, _) in enumerate(V1, start=1):
        arrays[f"conv_dw_{index}.kernel"] = he(3, 3, channels, 1, fan=9)
        arrays[f"conv_dw_{index}.bias"] = he(channels, fan=20)
        arrays[f"conv_pw_{index}.kernel"] = he(1, 1, channels, filters, fan=channels)
        arrays[f"conv_pw_{index}.bias"] = he(filters, fan=20)
        channels = filters
    return arrays

def v1(arrays):
    t = {name: torch.tensor(value) for name, value in arrays.items()}
    def conv(x, name, stride):
        depthwise = "dw" in name
        kernel = t[f"{name}.kernel"].permute(*((2, 3, 0, 1) if depthwise else (3, 2, 0, 1)))
        x = same_padded(x, kernel, stride, x.shape[1] if depthwise else 1)
        return F.relu6(x + t[f"{name}.bias"][:, None, None])
    x = conv(enlarged(64) - torch.tensor([103.939, 116.779, 123.68])[:, None, None], "conv1", 2)
    for index, (_, stride) in enumerate(V1, start=1):
        x = conv(conv(x, f"conv_dw_{index}", stride), f"conv_pw_{index}", 1)
    return x

facts, models = {}, {}
for name, arrays, network in (("efficientnet_lite0", lite0_arrays(), lite0), ("mobilenet_face", v1_arrays(), v1)):
    np.savez(folder / f"{name}.npz", **arrays)
    expected = network(arrays).permute(0, 2, 3, 1).numpy()
    model = models[name] = build_model(name, size=64)
    load_backbone(model, str(folder / f"{name}.npz"))
    backbone, _ = split(model)
    found = keras.ops.convert_to_numpy(backbone(image))
    faces = random.integers(0, 256, (64, 48, 48)).astype("uint8")
    reestimate_statistics(backbone, faces)
    again = keras.ops.convert_to_numpy(backbone(image))
    norm = next(layer for layer in backbone.layers if isinstance(layer, keras.layers.BatchNormalization))
    values = keras.ops.convert_to_numpy(keras.Model(backbone.input, norm.input)(faces[..., None].astype("float32")))
    facts[name] = {
        "scale": float(np.abs(expected).max()),
        "alive": float((expected > 0).mean()),
        "difference": float(np.abs(found - expected).max()),
        "after statistics": float(np.abs(again - expected).max()),
        "variance": float(np.abs(norm.get_weights()[3] / values.var((0, 1, 2)) - 1).max()),
    }

errors = []
model = models["efficientnet_lite0"]
broken = dict(np.load(folder / "efficientnet_lite0.npz"))
broken["_conv_head.weight"] = broken["_conv_head.weight"][:640]
np.savez(folder / "narrow.npz", **broken)
del broken["_blocks.3._bn2.bias"]
np.savez(folder / "lacking.npz", **broken)
np.savez(folder / "other.npz", some=np.ones(3))
(folder / "cut.npz").write_bytes(b"PK cut")
stock = keras.applications.MobileNetV2(input_shape=(96, 96, 3), include_top=False, weights=None, alpha=0.5)
stock.save_weights(folder / "half.weights.h5")
small = build_model("mobilenet_v2")
for target, source in ((model, "narrow.npz"), (model, "lacking.npz"), (model, "other.npz"), (model, "cut.npz"),
                       (model, "mobilenet_face.npz"), (small, "half.weights.h5"), (small, "missing.h5")):
    try:
        load_backbone(target, str(folder / source))
    except Exception as error:
        errors.append(f"{type(error).__name__}: {error}")
print(json.dumps({"facts": facts, "errors": errors}))
"""


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> dict:
    pytest.importorskip("torch")
    backend = next((name for name in ("tensorflow", "torch", "jax") if name in installed_backends()), None)
    if backend is None:
        pytest.skip("no Keras backend is installed")
    folder = tmp_path_factory.mktemp("weights")
    command = [sys.executable, "-c", COMPARE, backend, folder]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["efficientnet_lite0", "mobilenet_face"])
def test_converted_weights_give_the_published_activations(compared: dict, name: str) -> None:
    facts = compared["facts"][name]
    assert facts["alive"] > 0.05
    assert facts["difference"] < 1e-4 * facts["scale"] + 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("name", ["efficientnet_lite0", "mobilenet_face"])
def test_statistics_are_those_of_the_images_and_change_nothing(compared: dict, name: str) -> None:
    facts = compared["facts"][name]
    assert facts["after statistics"] < 1e-3 * facts["scale"]
    assert facts["variance"] < 1e-3


@pytest.mark.slow
def test_a_file_that_does_not_fit_says_what_differs(compared: dict) -> None:
    narrow, lacking, other, cut, face, half, missing = compared["errors"]
    assert "top_conv" in narrow
    assert "(1, 1, 320, 640)" in narrow
    assert "it has no _blocks.3._bn2.bias" in lacking
    assert "unknown names" in other
    assert "cannot be read" in cut
    assert "lacks" in face
    assert "shape" in half
    assert "there are no weights" in missing


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
