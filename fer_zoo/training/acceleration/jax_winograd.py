"""3x3 convolutions on JAX as the matrix products of `winograd`.

XLA's CPU compiler takes a kernel's gradient for a convolution whose window is the whole map, and runs it at a few
percent of the matrix product's speed; here it is matrix products too.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from fer_zoo.training.acceleration.winograd import best_filtering

Array = jax.Array

# Of fewer channels, or where tiles save fewer products, XLA's own convolution is as fast.
_FEWEST_CHANNELS = 128
_LARGEST_SHARE = 0.5


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def convolve(x: Array, kernel: Array, padding: str) -> Array:
    """Convolve images with 3x3 kernels at stride 1.

    Args:
        x: float `[batch, height, width, channels]`; anything narrower than float32 is computed in float32.
        kernel: `[3, 3, channels, filters]`.
        padding: `same` or `valid`.

    Returns:
        `[batch, rows, columns, filters]` of `x`'s type: as many rows and columns as `x`, or two fewer with `valid`.
    """
    return _forward(x, kernel, padding)[0]


def _forward(x: Array, kernel: Array, padding: str) -> tuple[Array, tuple[Array, Array]]:
    return _convolve(x, kernel, 1 if padding == "same" else 0), (x, kernel)


def _backward(padding: str, residuals: tuple[Array, Array], gradient: Array) -> tuple[Array, Array]:
    x, kernel = residuals
    edge = 1 if padding == "same" else 0
    turned = jnp.swapaxes(kernel[::-1, ::-1], 2, 3)
    shape = gradient.shape[1:3]
    way = best_filtering(*shape)
    products = lax.dot_general(
        _tiles(_padded(x, edge, shape, way.tile), way.input, way.tile),
        _tiles(_padded(gradient, 0, shape, way.tile, window=1), way.output.T, way.tile),
        (((1,), (1,)), ((0,), (0,))),
    )
    points = products.reshape(*way.input.shape, *kernel.shape[2:])
    d_kernel = jnp.einsum("ai,bj,abco->ijco", *[way.kernel.astype(np.float32)] * 2, points)
    return _convolve(gradient, turned, 2 - edge), d_kernel.astype(kernel.dtype)


convolve.defvjp(_forward, _backward)


def _convolve(x: Array, kernel: Array, edge: int) -> Array:
    """Convolve `x` between `edge` zeros on each side."""
    rows, columns = (size + 2 * edge - 2 for size in x.shape[1:3])
    way = best_filtering(rows, columns)
    if min(kernel.shape[2:]) < _FEWEST_CHANNELS or way.share(rows, columns) > _LARGEST_SHARE:
        return lax.conv_general_dilated(
            x, kernel, (1, 1), [(edge, edge)] * 2, dimension_numbers=("NHWC", "HWIO", "NHWC")
        )
    points = jnp.einsum("ai,bj,ijco->abco", *[way.kernel.astype(np.float32)] * 2, kernel.astype(jnp.float32))
    tiles = _tiles(_padded(x, edge, (rows, columns), way.tile), way.input, way.tile)
    products = lax.dot_general(tiles, points.reshape(-1, *kernel.shape[2:]), (((2,), (1,)), ((0,), (0,))))
    down, right = -(-rows // way.tile), -(-columns // way.tile)
    products = products.reshape(*way.input.shape, len(x), down, right, -1)
    outputs = [jnp.stack(_combine(way.output, row), axis=3) for row in _combine(way.output, products)]
    y = jnp.stack(outputs, axis=2).reshape(len(x), down * way.tile, right * way.tile, -1)
    return y[:, :rows, :columns].astype(x.dtype)


def _padded(x: Array, edge: int, shape: Sequence[int], tile: int, window: int = 3) -> Array:
    """`x` in float32 with `edge` zeros before it and as many behind as tiles over `shape` outputs reach."""
    behind = [
        -(-size // tile) * tile + window - 1 - edge - full for size, full in zip(shape, x.shape[1:3], strict=True)
    ]
    return jnp.pad(x.astype(jnp.float32), ((0, 0), *((edge, count) for count in behind), (0, 0)))


def _tiles(x: Array, matrix: np.ndarray, tile: int) -> Array:
    """`matrix @ part @ matrix.T` of the parts of `x` that begin every `tile` places, `[points, parts, channels]`."""
    size = matrix.shape[1]
    rows, columns = (full - size + 1 for full in x.shape[1:3])
    down = _combine(matrix, [x[:, i : i + rows : tile] for i in range(size)])
    both = [_combine(matrix, [row[:, :, j : j + columns : tile] for j in range(size)]) for row in down]
    return jnp.stack([point for row in both for point in row]).reshape(len(matrix) ** 2, -1, x.shape[-1])


def _combine(matrix: np.ndarray, parts: Sequence[Array] | Array) -> list[Array]:
    """Sums of `parts` weighted by each row of `matrix`, without those that weigh nothing."""
    weighted = [[float(weight) * part for weight, part in zip(row, parts, strict=True) if weight] for row in matrix]
    return [sum(terms[1:], start=terms[0]) for terms in weighted]
