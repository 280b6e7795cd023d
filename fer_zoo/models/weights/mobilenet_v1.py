"""MobileNetV1 with folded batch normalization to keras.applications.MobileNet."""

from __future__ import annotations

import numpy as np

MARK = "conv_dw_1.kernel"
_BLOCKS = 13
_EPSILON = 1e-3  # keras.applications.MobileNet's


def convert(arrays: dict[str, np.ndarray]) -> dict[str, list[np.ndarray]]:
    """Convert; each normalization becomes one that adds the folded bias and nothing else at inference.

    In training its batch statistics would differ much from those: `fer_zoo.training.transfer` re-estimates them.

    Args:
        arrays: `conv1`, `conv_dw_1` … `conv_pw_13`, each with `.kernel` in Keras's layout and `.bias`.

    Returns:
        The weights of each layer.

    Raises:
        KeyError: An array is missing.
    """
    layers: dict[str, list[np.ndarray]] = {}
    names = ["conv1", *(f"conv_{kind}_{index}" for index in range(1, _BLOCKS + 1) for kind in ("dw", "pw"))]
    for name in names:
        bias = arrays[f"{name}.bias"]
        layers[name] = [arrays[f"{name}.kernel"]]
        layers[f"{name}_bn"] = [np.ones_like(bias), bias, np.zeros_like(bias), np.full_like(bias, 1 - _EPSILON)]
    return layers
