"""3x3 convolutions on TensorFlow as the matrix products of `winograd`.

In float32 oneDNN computes them as plain sums, about as fast as matrix products of as many terms: fewer take less time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from fer_zoo.training.acceleration.winograd import Filtering, transforms


def convolve(x: tf.Tensor, kernel: tf.Tensor, edge: int, way: Filtering) -> tf.Tensor:
    """Convolve images with 3x3 kernels at stride 1.

    Args:
        x: float32 `[batch, height, width, channels]`, of which the batch alone may be unknown.
        kernel: float32 `[3, 3, channels, filters]`.
        edge: Zeros on each side, 0 or 1.
        way: Tiles that outputs are computed in.

    Returns:
        float32 `[batch, height + 2 * edge - 2, width + 2 * edge - 2, filters]`.
    """
    height, width, channels = x.shape[1:]
    filters = kernel.shape[-1]
    tile, points = way.tile, (way.tile + 2) ** 2
    rows, columns = height + 2 * edge - 2, width + 2 * edge - 2
    down, right = -(-rows // tile), -(-columns // tile)
    behind = ((down + 1) * tile - height - edge, (right + 1) * tile - width - edge)
    of_input, of_kernel, of_output = transforms(tile, own_first=True)

    @tf.custom_gradient
    def run(x: tf.Tensor, kernel: tf.Tensor) -> tuple[tf.Tensor, Callable[..., Any]]:
        padded = tf.pad(x, ((0, 0), (edge, behind[0]), (edge, behind[1]), (0, 0)))
        windows = _windows(_places(padded, down + 1, right + 1, tile))
        tiles = tf.reshape(of_input @ windows, (points, -1, channels))
        factors = tf.reshape(of_kernel @ tf.reshape(kernel, (9, -1)), (points, channels, filters))
        outputs = of_output @ tf.reshape(tiles @ factors, (points, -1))
        y = _images(tf.reshape(outputs, (tile, tile, -1, down, right, filters)))[:, :rows, :columns]

        def gradients(gradient: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            padded = tf.pad(gradient, ((0, 0), (0, down * tile - rows), (0, right * tile - columns), (0, 0)))
            outputs = tf.reshape(_places(padded, down, right, tile), (tile * tile, -1))
            products = tf.reshape(tf.matmul(of_output, outputs, transpose_a=True), (points, -1, filters))
            d_factors = tf.reshape(tf.matmul(tiles, products, transpose_a=True), (points, -1))
            d_kernel = tf.reshape(tf.matmul(of_kernel, d_factors, transpose_a=True), kernel.shape)
            d_tiles = tf.reshape(tf.matmul(products, factors, transpose_b=True), (points, -1))
            d_windows = tf.matmul(of_input, d_tiles, transpose_a=True)
            dx = _images(_folded(d_windows, down, right, tile, channels))
            return dx[:, edge : edge + height, edge : edge + width], d_kernel

        return y, gradients

    return run(x, kernel)


def _places(x: tf.Tensor, down: int, right: int, tile: int) -> tf.Tensor:
    """Images as `[tile, tile, batch, down, right, channels]`."""
    return tf.transpose(tf.reshape(x, (-1, down, tile, right, tile, x.shape[-1])), (2, 4, 0, 1, 3, 5))


def _images(places: tf.Tensor) -> tf.Tensor:
    """`[tile, tile, batch, down, right, channels]` as images, `[batch, down * tile, right * tile, channels]`."""
    tile, _, _, down, right, channels = places.shape
    return tf.reshape(tf.transpose(places, (2, 3, 0, 4, 1, 5)), (-1, down * tile, right * tile, channels))


def _windows(places: tf.Tensor) -> tf.Tensor:
    """Each tile with two rows and columns of the next ones, `[(tile + 2)², values]` in the order of `transforms`."""
    parts = (
        places[:, :, :, :-1, :-1],
        places[:, :2, :, :-1, 1:],
        places[:2, :, :, 1:, :-1],
        places[:2, :2, :, 1:, 1:],
    )
    return tf.concat([tf.reshape(part, (part.shape[0] * part.shape[1], -1)) for part in parts], axis=0)


def _folded(windows: tf.Tensor, down: int, right: int, tile: int, channels: int) -> tf.Tensor:
    """The sum over the windows that have a value, `[tile, tile, batch, down + 1, right + 1, channels]`."""
    extents = ((tile, tile), (tile, 2), (2, tile), (2, 2))
    total = None
    for part, (high, wide) in zip(tf.split(windows, [a * b for a, b in extents]), extents, strict=True):
        below, beside = int(high == 2), int(wide == 2)
        part = tf.reshape(part, (high, wide, -1, down, right, channels))
        edges = ((0, tile - high), (0, tile - wide), (0, 0), (below, 1 - below), (beside, 1 - beside), (0, 0))
        part = tf.pad(part, edges)
        total = part if total is None else total + part
    return total
