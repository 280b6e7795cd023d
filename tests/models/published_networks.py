"""EfficientNet-Lite0 and MobileNetV1 as they were published: weights by name, and the networks in torch's functions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

SIZE = 64

# Repeats, filters, kernel, stride and expansion of each stage.
LITE0 = [
    (1, 16, 3, 1, 1),
    (2, 24, 3, 2, 6),
    (2, 40, 5, 2, 6),
    (3, 80, 3, 2, 6),
    (3, 112, 5, 1, 6),
    (4, 192, 5, 2, 6),
    (1, 320, 3, 1, 6),
]
# Filters and stride of each block.
V1 = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1)]


def random_weights(name: str, random: np.random.Generator) -> dict[str, np.ndarray]:
    """Random weights for `efficientnet_lite0` or `mobilenet_face` under their published names."""
    return {"efficientnet_lite0": _lite0_weights, "mobilenet_face": _v1_weights}[name](random)


def activations(name: str, weights: Path, image: np.ndarray) -> np.ndarray:
    """What the published network makes of gray images, float32 `[n, 48, 48, 1]`, before its pooling.

    Args:
        name: `efficientnet_lite0` or `mobilenet_face`.
        weights: An `.npz` file.
        image: Is enlarged to `SIZE`.
    """
    import torch
    from torch.nn import functional

    tensors = {key: torch.tensor(value) for key, value in np.load(weights).items()}
    gray = torch.tensor(image[..., 0])[:, None]
    rgb = functional.interpolate(gray, (SIZE, SIZE), mode="bilinear", align_corners=False).repeat(1, 3, 1, 1)
    network: Callable[..., torch.Tensor] = {"efficientnet_lite0": _lite0, "mobilenet_face": _v1}[name]
    return network(tensors, rgb).permute(0, 2, 3, 1).numpy()


def _he(random: np.random.Generator, *shape: int, fan: int) -> np.ndarray:
    return (random.normal(size=shape) * np.sqrt(2 / fan)).astype("float32")


def _lite0_blocks() -> Iterator[tuple[int, int, int, int, int]]:
    channels = 32
    for repeats, filters, kernel, stride, expansion in LITE0:
        for repeat in range(repeats):
            yield channels, filters, kernel, stride if repeat == 0 else 1, expansion
            channels = filters


def _lite0_weights(random: np.random.Generator) -> dict[str, np.ndarray]:
    arrays = {}

    def conv(name: str, outputs: int, inputs: int, kernel: int) -> None:
        arrays[f"{name}.weight"] = _he(random, outputs, inputs, kernel, kernel, fan=inputs * kernel**2)

    def norm(name: str, channels: int) -> None:
        arrays[f"{name}.weight"] = random.uniform(0.5, 1.5, channels).astype("float32")
        arrays[f"{name}.bias"] = random.normal(size=channels).astype("float32")
        arrays[f"{name}.running_mean"] = random.normal(size=channels).astype("float32")
        arrays[f"{name}.running_var"] = random.uniform(0.5, 1.5, channels).astype("float32")

    conv("_conv_stem", 32, 3, 3)
    norm("_bn0", 32)
    for index, (inputs, filters, kernel, _, expansion) in enumerate(_lite0_blocks()):
        name, wide = f"_blocks.{index}", inputs * expansion
        if expansion > 1:
            conv(f"{name}._expand_conv", wide, inputs, 1)
            norm(f"{name}._bn0", wide)
        conv(f"{name}._depthwise_conv", wide, 1, kernel)
        norm(f"{name}._bn1", wide)
        conv(f"{name}._project_conv", filters, wide, 1)
        norm(f"{name}._bn2", filters)
    conv("_conv_head", 1280, 320, 1)
    norm("_bn1", 1280)
    return arrays


def _lite0(weights: dict[str, torch.Tensor], rgb: torch.Tensor) -> torch.Tensor:
    from torch.nn.functional import batch_norm, conv2d, relu6

    def norm(x: torch.Tensor, name: str) -> torch.Tensor:
        mean, variance = weights[f"{name}.running_mean"], weights[f"{name}.running_var"]
        return batch_norm(x, mean, variance, weights[f"{name}.weight"], weights[f"{name}.bias"], eps=1e-3)

    x = relu6(norm(_same_padded((rgb - 127) / 128, weights["_conv_stem.weight"], 2, 1), "_bn0"))
    for index, (_, _, _, stride, expansion) in enumerate(_lite0_blocks()):
        name, before = f"_blocks.{index}", x
        if expansion > 1:
            x = relu6(norm(conv2d(x, weights[f"{name}._expand_conv.weight"]), f"{name}._bn0"))
        x = relu6(norm(_same_padded(x, weights[f"{name}._depthwise_conv.weight"], stride, x.shape[1]), f"{name}._bn1"))
        x = norm(conv2d(x, weights[f"{name}._project_conv.weight"]), f"{name}._bn2")
        x = x + before if x.shape == before.shape else x
    return relu6(norm(conv2d(x, weights["_conv_head.weight"]), "_bn1"))


def _v1_weights(random: np.random.Generator) -> dict[str, np.ndarray]:
    arrays = {"conv1.kernel": _he(random, 3, 3, 3, 32, fan=27) / 64, "conv1.bias": _he(random, 32, fan=2)}
    channels = 32
    for index, (filters, _) in enumerate(V1, start=1):
        arrays[f"conv_dw_{index}.kernel"] = _he(random, 3, 3, channels, 1, fan=9)
        arrays[f"conv_dw_{index}.bias"] = _he(random, channels, fan=20)
        arrays[f"conv_pw_{index}.kernel"] = _he(random, 1, 1, channels, filters, fan=channels)
        arrays[f"conv_pw_{index}.bias"] = _he(random, filters, fan=20)
        channels = filters
    return arrays


def _v1(weights: dict[str, torch.Tensor], rgb: torch.Tensor) -> torch.Tensor:
    import torch
    from torch.nn.functional import relu6

    def conv(x: torch.Tensor, name: str, stride: int) -> torch.Tensor:
        depthwise = "dw" in name
        kernel = weights[f"{name}.kernel"].permute(*((2, 3, 0, 1) if depthwise else (3, 2, 0, 1)))
        x = _same_padded(x, kernel, stride, x.shape[1] if depthwise else 1)
        return relu6(x + weights[f"{name}.bias"][:, None, None])

    x = conv(rgb - torch.tensor([103.939, 116.779, 123.68])[:, None, None], "conv1", 2)
    for index, (_, stride) in enumerate(V1, start=1):
        x = conv(conv(x, f"conv_dw_{index}", stride), f"conv_pw_{index}", 1)
    return x


def _same_padded(x: torch.Tensor, weight: torch.Tensor, stride: int, groups: int) -> torch.Tensor:
    from torch.nn.functional import conv2d, pad

    size, kernel = x.shape[-1], weight.shape[-1]
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    x = pad(x, (total // 2, total - total // 2) * 2)
    return conv2d(x, weight, stride=stride, groups=groups)
