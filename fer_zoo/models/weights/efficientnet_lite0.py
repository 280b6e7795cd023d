"""EfficientNet-Lite0's published PyTorch names to those of `fer_zoo.models.efficientnet_lite0`."""

from __future__ import annotations

import numpy as np

MARK = "_conv_stem.weight"
_BLOCKS = 16


def convert(arrays: dict[str, np.ndarray]) -> dict[str, list[np.ndarray]]:
    """Convert.

    Args:
        arrays: By PyTorch name (`_blocks.3._expand_conv.weight`), kernels as `[outputs, inputs, height, width]`.

    Returns:
        The weights of each layer, kernels as `[height, width, inputs, outputs]`, or, depthwise, `[…, channels, 1]`.

    Raises:
        KeyError: An array is missing.
    """
    layers = {
        "stem_conv": _kernel(arrays, "_conv_stem"),
        "stem_bn": _normalization(arrays, "_bn0"),
        "top_conv": _kernel(arrays, "_conv_head"),
        "top_bn": _normalization(arrays, "_bn1"),
    }
    for index in range(_BLOCKS):
        source, target = f"_blocks.{index}", f"block{index}"
        if index > 0:
            layers[f"{target}_expand_conv"] = _kernel(arrays, f"{source}._expand_conv")
            layers[f"{target}_expand_bn"] = _normalization(arrays, f"{source}._bn0")
        layers[f"{target}_depthwise_conv"] = [arrays[f"{source}._depthwise_conv.weight"].transpose(2, 3, 0, 1)]
        layers[f"{target}_depthwise_bn"] = _normalization(arrays, f"{source}._bn1")
        layers[f"{target}_project_conv"] = _kernel(arrays, f"{source}._project_conv")
        layers[f"{target}_project_bn"] = _normalization(arrays, f"{source}._bn2")
    return layers


def _kernel(arrays: dict[str, np.ndarray], name: str) -> list[np.ndarray]:
    return [arrays[f"{name}.weight"].transpose(2, 3, 1, 0)]


def _normalization(arrays: dict[str, np.ndarray], name: str) -> list[np.ndarray]:
    return [arrays[f"{name}.{part}"] for part in ("weight", "bias", "running_mean", "running_var")]
