"""Winograd's minimal filtering for 3x3 convolutions (Lavin and Gray, 2015, https://arxiv.org/abs/1509.09308).

A tile of 4x4 outputs takes 36 products of each pair of channels instead of 144, as 36 matrix products; one of 3x3 takes
25 instead of 81. Values agree with the plain sum to about 1e-5 of the largest.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import keras
import numpy as np
from keras import ops

_POINTS = (0, 1, -1, 2, -2)
_TILES = (4, 3)
# Of fewer channels, or where tiles save fewer products, the transforms take longer than what is saved.
_FEWEST_CHANNELS = 64
_LARGEST_SHARE = 0.5


@dataclass(frozen=True, eq=False)
class Filtering:
    """The paper's F(tile x tile, 3x3).

    Attributes:
        tile: Rows and columns of the outputs that are computed together, from `tile + 2` of inputs.
        input: Transform of the input, the paper's transposed B, float64 `[tile + 2, tile + 2]`.
        kernel: Transform of the kernel, G, `[tile + 2, 3]`.
        output: Transform of the output, the transposed A, `[tile, tile + 2]`.
    """

    tile: int
    input: np.ndarray
    kernel: np.ndarray
    output: np.ndarray

    def grid(self, rows: int, columns: int) -> tuple[int, int]:
        """Tiles down and across for so many outputs."""
        return -(-rows // self.tile), -(-columns // self.tile)

    def share(self, rows: int, columns: int) -> float:
        """Products for so many outputs, as a share of the plain sum's nine each."""
        down, right = self.grid(rows, columns)
        return (self.tile + 2) ** 2 * down * right / (9 * rows * columns)


@cache
def filtering(tile: int) -> Filtering:
    """Tiles of 3 or 4 rows and columns, by Toom and Cook's construction from points 0, 1, -1, 2, -2 and infinity."""
    points = _POINTS[: tile + 1]
    size = tile + 2
    b, g, a = np.zeros((size, size)), np.zeros((size, 3)), np.zeros((tile, size))
    for i, point in enumerate(points):
        others = [other for other in points if other != point]
        b[i, : size - 1] = np.poly(others)[::-1]
        g[i] = np.power(float(point), range(3)) / np.prod([point - other for other in others])
        a[:, i] = np.power(float(point), range(tile))
    b[-1] = np.poly(points)[::-1]
    g[-1, -1] = a[-1, -1] = 1
    return Filtering(tile, b, g, a)


@cache
def transforms(tile: int, own_first: bool = False) -> list[np.ndarray]:
    """Transforms of input, kernel and output, for rows and columns at once: float32 `[points, values]`.

    Args:
        tile: Rows and columns of outputs.
        own_first: The input's values in another order: first the `tile²` that begin a tile, then those that are two
            columns of the next one beside it, then two rows of that below, then the four values below and beside.
    """
    matrices = filtering(tile)
    squares = [
        np.kron(matrix, matrix).astype(np.float32) for matrix in (matrices.input, matrices.kernel, matrices.output)
    ]
    if own_first:
        order = np.arange((tile + 2) ** 2).reshape(tile + 2, tile + 2)
        parts = (order[:tile, :tile], order[:tile, tile:], order[tile:, :tile], order[tile:, tile:])
        squares[0] = squares[0][:, np.concatenate([part.ravel() for part in parts])]
    return squares


def best_filtering(rows: int, columns: int) -> Filtering:
    """The tiles that take the fewest products for so many outputs."""
    return min(map(filtering, _TILES), key=lambda scheme: scheme.share(rows, columns))


def filtering_of(layer: keras.layers.Conv2D, shape: tuple[Any, ...]) -> tuple[int, Filtering] | None:
    """The zeros on each side of `layer`'s input and the tiles for its output, where those take less time.

    Args:
        layer: Any convolution.
        shape: Shape of its input, `[batch, height, width, channels]`; an unknown size is `None`.

    Returns:
        What the backends' `convolve` take; `None` for another window, another stride, or too little to save.
    """
    plain = tuple(layer.kernel_size) == (3, 3) and tuple(layer.strides) == tuple(layer.dilation_rate) == (1, 1)
    if not plain or layer.groups > 1 or layer.padding not in ("same", "valid") or layer.data_format != "channels_last":
        return None
    if None in shape[1:] or min(shape[-1], layer.filters) < _FEWEST_CHANNELS:
        return None
    edge = 1 if layer.padding == "same" else 0
    outputs = [size + 2 * edge - 2 for size in shape[1:3]]
    scheme = best_filtering(*outputs)
    return (edge, scheme) if scheme.share(*outputs) <= _LARGEST_SHARE else None


def split_into_tiles(images: Any, tile: int) -> Any:
    """`[batch, down * tile, right * tile, channels]` as `[tile, tile, batch, down, right, channels]`."""
    _, rows, columns, channels = images.shape
    parts = ops.reshape(images, (-1, rows // tile, tile, columns // tile, tile, channels))
    return ops.transpose(parts, (2, 4, 0, 1, 3, 5))


def join_tiles(tiles: Any) -> Any:
    """The inverse of `split_into_tiles`: `[tile, tile, batch, down, right, channels]` as images."""
    tile, _, _, down, right, channels = tiles.shape
    return ops.reshape(ops.transpose(tiles, (2, 3, 0, 4, 1, 5)), (-1, down * tile, right * tile, channels))


def overlapping_windows(tiles: Any) -> Any:
    """Each tile with two rows and columns of the next ones, for all but the last row and column of tiles.

    Returns:
        `[(tile + 2)², values]`, in the order of `transforms(tile, own_first=True)`.
    """
    parts = (
        tiles[:, :, :, :-1, :-1],
        tiles[:, :2, :, :-1, 1:],
        tiles[:2, :, :, 1:, :-1],
        tiles[:2, :2, :, 1:, 1:],
    )
    return ops.concatenate([ops.reshape(part, (part.shape[0] * part.shape[1], -1)) for part in parts])


def overlap_add(windows: Any, tile: int, down: int, right: int, channels: int) -> Any:
    """The gradient of `overlapping_windows`: each value goes back to the tile that it was taken from.

    Returns:
        `[tile, tile, batch, down + 1, right + 1, channels]` of `[(tile + 2)², batch * down * right * channels]`.
    """
    total, start = 0, 0
    for high, wide in ((tile, tile), (tile, 2), (2, tile), (2, 2)):
        part = ops.reshape(windows[start : start + high * wide], (high, wide, -1, down, right, channels))
        below, beside = int(high == 2), int(wide == 2)
        edges = ((0, tile - high), (0, tile - wide), (0, 0), (below, 1 - below), (beside, 1 - beside), (0, 0))
        total += ops.pad(part, edges)
        start += high * wide
    return total
