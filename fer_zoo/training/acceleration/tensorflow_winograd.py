"""3x3 convolutions on TensorFlow as the matrix products of `winograd`.

In float32 oneDNN computes them as plain sums, about as fast as matrix products of as many terms: fewer take less time.
Transforms are matrix products of a few rows of tiles at a time, which stay in the cache.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from fer_zoo.training.acceleration.winograd import (
    Filtering,
    join_tiles,
    overlap_add,
    overlapping_windows,
    split_into_tiles,
    transforms,
)

# Of transformed tiles at once, in a batch of 128: the cache that cores of a CPU share has room for a few such.
_BYTES = 24 << 20


def convolve(x: tf.Tensor, kernel: tf.Tensor, edge: int, scheme: Filtering) -> tf.Tensor:
    """Convolve images with 3x3 kernels at stride 1.

    Args:
        x: float32 `[batch, height, width, channels]`, of which the batch alone may be unknown.
        kernel: float32 `[3, 3, channels, filters]`.
        edge: Zeros on each side, 0 or 1.
        scheme: Tiles that outputs are computed in.

    Returns:
        float32 `[batch, height + 2 * edge - 2, width + 2 * edge - 2, filters]`.
    """
    height, width, channels = x.shape[1:]
    filters = kernel.shape[-1]
    tile, points = scheme.tile, (scheme.tile + 2) ** 2
    rows, columns = height + 2 * edge - 2, width + 2 * edge - 2
    down, right = scheme.grid(rows, columns)
    bands = _bands(down, points * right * max(channels, filters))
    of_input, of_kernel, of_output = transforms(tile, own_first=True)

    @tf.custom_gradient
    def run(x: tf.Tensor, kernel: tf.Tensor) -> tuple[tf.Tensor, Callable[..., Any]]:
        behind = ((down + 1) * tile - height - edge, (right + 1) * tile - width - edge)
        padded = tf.pad(x, ((0, 0), (edge, behind[0]), (edge, behind[1]), (0, 0)))
        factors = tf.reshape(of_kernel @ tf.reshape(kernel, (9, -1)), (points, channels, filters))
        tiles_of_all, parts = [], []
        for first, last in bands:
            band = padded[:, first * tile : (last + 1) * tile]
            tiles = tf.reshape(of_input @ overlapping_windows(split_into_tiles(band, tile)), (points, -1, channels))
            outputs = of_output @ tf.reshape(tiles @ factors, (points, -1))
            parts.append(join_tiles(tf.reshape(outputs, (tile, tile, -1, last - first, right, filters))))
            tiles_of_all.append(tiles)

        def gradients(gradient: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            padded = tf.pad(gradient, ((0, 0), (0, down * tile - rows), (0, right * tile - columns), (0, 0)))
            d_factors, d_parts, over = 0, [], 0
            for (first, last), tiles in zip(bands, tiles_of_all, strict=True):
                outputs = tf.reshape(split_into_tiles(padded[:, first * tile : last * tile], tile), (tile * tile, -1))
                products = tf.reshape(tf.matmul(of_output, outputs, transpose_a=True), (points, -1, filters))
                d_factors += tf.matmul(tiles, products, transpose_a=True)
                d_tiles = tf.reshape(tf.matmul(products, factors, transpose_b=True), (points, -1))
                d_windows = tf.matmul(of_input, d_tiles, transpose_a=True)
                d_band = join_tiles(overlap_add(d_windows, tile, last - first, right, channels))
                # A band's last two rows are the next one's first.
                own = (last - first) * tile
                d_parts += [over + d_band[:, :2], d_band[:, 2:own]]
                over = d_band[:, own : own + 2]
            dx = tf.concat([*d_parts, over], axis=1)[:, edge : edge + height, edge : edge + width]
            d_kernel = tf.matmul(of_kernel, tf.reshape(d_factors, (points, -1)), transpose_a=True)
            return dx, tf.reshape(d_kernel, kernel.shape)

        return tf.concat(parts, axis=1)[:, :rows, :columns], gradients

    return run(x, kernel)


def _bands(down: int, values: int) -> list[tuple[int, int]]:
    """First and last rows of tiles that are computed together, where a row has `values` float32 an image."""
    step = max(1, _BYTES // (4 * 128 * values))
    return [(first, min(first + step, down)) for first in range(0, down, step)]
