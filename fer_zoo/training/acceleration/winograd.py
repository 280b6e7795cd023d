"""3x3 convolutions on JAX by Winograd's minimal filtering (Lavin and Gray, 2015, https://arxiv.org/abs/1509.09308).

A tile of 4x4 outputs takes 36 products of each pair of channels instead of 144, as 36 matrix products. XLA's CPU
compiler takes a kernel's gradient for a convolution whose window is the whole map, and runs it at a few percent of the
matrix product's speed; here it is 36 products too. Values agree with the plain sum to about 1e-5 of the largest.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

Array = jax.Array

_TILE = 4
# Of fewer channels XLA's own convolution is as fast as the tiles.
_FEWEST_CHANNELS = 128

# The paper's B, G and A for F(4x4, 3x3), in its order of the points 0, 1, -1, 2, -2 and infinity.
_INPUT = np.array(
    [
        [4, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ]
)
_KERNEL = np.array(
    [
        [1 / 4, 0, 0],
        [-1 / 6, -1 / 6, -1 / 6],
        [-1 / 6, 1 / 6, -1 / 6],
        [1 / 24, 1 / 12, 1 / 6],
        [1 / 24, -1 / 12, 1 / 6],
        [0, 0, 1],
    ],
    np.float32,
)
_OUTPUT = np.array([[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]])


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
    products = lax.dot_general(
        _tiles(_padded(x, edge, gradient.shape[1:3]), _INPUT),
        _tiles(_padded(gradient, 0, gradient.shape[1:3], window=1), _OUTPUT.T),
        (((1,), (1,)), ((0,), (0,))),
    )
    points = products.reshape(*_INPUT.shape, *kernel.shape[2:])
    d_kernel = jnp.einsum("ai,bj,abco->ijco", _KERNEL, _KERNEL, points)
    return _convolve(gradient, turned, 2 - edge), d_kernel.astype(kernel.dtype)


convolve.defvjp(_forward, _backward)


def _convolve(x: Array, kernel: Array, edge: int) -> Array:
    """Convolve `x` between `edge` zeros on each side."""
    rows, columns = (size + 2 * edge - 2 for size in x.shape[1:3])
    if min(kernel.shape[2:]) < _FEWEST_CHANNELS or rows % _TILE or columns % _TILE:
        return lax.conv_general_dilated(
            x, kernel, (1, 1), [(edge, edge)] * 2, dimension_numbers=("NHWC", "HWIO", "NHWC")
        )
    points = jnp.einsum("ai,bj,ijco->abco", _KERNEL, _KERNEL, kernel.astype(jnp.float32))
    tiles = _tiles(_padded(x, edge, (rows, columns)), _INPUT)
    products = lax.dot_general(tiles, points.reshape(-1, *kernel.shape[2:]), (((2,), (1,)), ((0,), (0,))))
    products = products.reshape(*_INPUT.shape, len(x), rows // _TILE, columns // _TILE, -1)
    outputs = [jnp.stack(_combine(_OUTPUT, row), axis=3) for row in _combine(_OUTPUT, products)]
    return jnp.stack(outputs, axis=2).reshape(len(x), rows, columns, -1).astype(x.dtype)


def _padded(x: Array, edge: int, shape: Sequence[int], window: int = 3) -> Array:
    """`x` in float32 with `edge` zeros before it and as many behind as tiles over `shape` outputs reach."""
    behind = [
        -(-size // _TILE) * _TILE + window - 1 - edge - full for size, full in zip(shape, x.shape[1:3], strict=True)
    ]
    return jnp.pad(x.astype(jnp.float32), ((0, 0), *((edge, count) for count in behind), (0, 0)))


def _tiles(x: Array, matrix: np.ndarray) -> Array:
    """`matrix @ tile @ matrix.T` of each tile, `[points, tiles, channels]`, of tiles that begin every four places."""
    size = matrix.shape[1]
    rows, columns = (full - size + 1 for full in x.shape[1:3])
    down = _combine(matrix, [x[:, i : i + rows : _TILE] for i in range(size)])
    both = [_combine(matrix, [row[:, :, j : j + columns : _TILE] for j in range(size)]) for row in down]
    return jnp.stack([point for row in both for point in row]).reshape(len(matrix) ** 2, -1, x.shape[-1])


def _combine(matrix: np.ndarray, parts: Sequence[Array] | Array) -> list[Array]:
    """Sums of `parts` weighted by each row of `matrix`, without those that weigh nothing."""
    weighted = [[float(weight) * part for weight, part in zip(row, parts, strict=True) if weight] for row in matrix]
    return [sum(terms[1:], start=terms[0]) for terms in weighted]
