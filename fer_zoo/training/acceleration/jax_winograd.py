"""3x3 convolutions on JAX as the matrix products of `winograd`.

XLA's CPU compiler takes a kernel's gradient for a convolution whose window is the whole map, and runs it at a few
percent of the matrix product's speed; here it is matrix products too.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from fer_zoo.training.acceleration.winograd import (
    Filtering,
    best_filtering,
    join_tiles,
    overlap_add,
    overlapping_windows,
    split_into_tiles,
    transforms,
)

Array = jax.Array


@partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def convolve(x: Array, kernel: Array, edge: int, scheme: Filtering) -> Array:
    """Convolve images with 3x3 kernels at stride 1.

    Args:
        x: float `[batch, height, width, channels]`; anything narrower than float32 is computed in float32.
        kernel: `[3, 3, channels, filters]`.
        edge: Zeros on each side, 0 or 1.
        scheme: Tiles that outputs are computed in.

    Returns:
        `[batch, height + 2 * edge - 2, width + 2 * edge - 2, filters]` of `x`'s type.
    """
    return _forward(x, kernel, edge, scheme)[0]


def _forward(x: Array, kernel: Array, edge: int, scheme: Filtering) -> tuple[Array, tuple[Array, ...]]:
    rows, columns = (size + 2 * edge - 2 for size in x.shape[1:3])
    channels, filters = kernel.shape[2:]
    _, of_kernel, of_output = _transforms(scheme.tile)
    tiles = _tiles_of_inputs(x, edge, rows, columns, scheme)
    factors = (of_kernel @ kernel.reshape(9, -1).astype(jnp.float32)).reshape(-1, channels, filters)
    products = lax.dot_general(tiles, factors, (((2,), (1,)), ((0,), (0,))))
    outputs = of_output @ products.reshape(len(products), -1)
    outputs = outputs.reshape(scheme.tile, scheme.tile, len(x), *scheme.grid(rows, columns), filters)
    # Backward needs the kernel's type, which an array of no values holds.
    kind = jnp.zeros(0, kernel.dtype)
    return join_tiles(outputs)[:, :rows, :columns].astype(x.dtype), (kind, tiles, factors)


def _backward(edge: int, scheme: Filtering, residuals: tuple[Array, ...], gradient: Array) -> tuple[Array, Array]:
    kind, tiles, factors = residuals
    rows, columns = gradient.shape[1:3]
    products = _tiles_of_outputs(gradient, scheme.tile)
    of_input = _transforms(scheme.tile)[0]
    d_tiles = lax.dot_general(products, factors, (((2,), (2,)), ((0,), (0,))))
    d_windows = of_input.T @ d_tiles.reshape(len(d_tiles), -1)
    dx = join_tiles(overlap_add(d_windows, scheme.tile, *scheme.grid(rows, columns), tiles.shape[-1]))
    dx = dx[:, edge : rows + 2 - edge, edge : columns + 2 - edge]
    return dx.astype(gradient.dtype), _kernel_gradient(tiles, products, scheme.tile).astype(kind.dtype)


convolve.defvjp(_forward, _backward)


def kernel_gradient(x: Array, gradient: Array, edge: int) -> Array:
    """The gradient of a 3x3 kernel, float32 `[3, 3, channels, filters]`, at stride 1 with `edge` zeros on each side.

    For few channels: the transforms are sums, which take less time than products there.
    """
    scheme = best_filtering(*gradient.shape[1:3])
    tile, shape = scheme.tile, [count * scheme.tile for count in scheme.grid(*gradient.shape[1:3])]
    behind = [full + 2 - edge - size for full, size in zip(shape, x.shape[1:3], strict=True)]
    ends = [full - size for full, size in zip(shape, gradient.shape[1:3], strict=True)]
    inputs = jnp.pad(x.astype(jnp.float32), ((0, 0), *((edge, count) for count in behind), (0, 0)))
    outputs = jnp.pad(gradient.astype(jnp.float32), ((0, 0), *((0, count) for count in ends), (0, 0)))
    return _kernel_gradient(_summed(inputs, scheme.input, tile), _summed(outputs, scheme.output.T, tile), tile)


def _kernel_gradient(tiles: Array, products: Array, tile: int) -> Array:
    of_kernel = _transforms(tile)[1]
    d_factors = lax.dot_general(tiles, products, (((1,), (1,)), ((0,), (0,))))
    return (of_kernel.T @ d_factors.reshape(len(d_factors), -1)).reshape(3, 3, *d_factors.shape[1:])


def _summed(x: Array, matrix: np.ndarray, tile: int) -> Array:
    """`matrix @ part @ matrix.T` of the parts of `x` that begin every `tile` pixels, `[points, parts, channels]`."""
    size = matrix.shape[1]
    rows, columns = (full - size + 1 for full in x.shape[1:3])
    down = _combine(matrix, [x[:, i : i + rows : tile] for i in range(size)])
    both = [_combine(matrix, [row[:, :, j : j + columns : tile] for j in range(size)]) for row in down]
    return jnp.stack([point for row in both for point in row]).reshape(len(matrix) ** 2, -1, x.shape[-1])


def _combine(matrix: np.ndarray, parts: list[Array]) -> list[Array]:
    """Sums of `parts` weighted by each row of `matrix`, without those that weigh nothing."""
    weighted = [[float(weight) * part for weight, part in zip(row, parts, strict=True) if weight] for row in matrix]
    return [sum(terms[1:], start=terms[0]) for terms in weighted]


def _tiles_of_inputs(x: Array, edge: int, rows: int, columns: int, scheme: Filtering) -> Array:
    """Transformed tiles of images, float32 `[points, tiles, channels]`, for so many rows and columns of outputs."""
    _, height, width, channels = x.shape
    tile, (down, right) = scheme.tile, scheme.grid(rows, columns)
    behind = ((down + 1) * tile - height - edge, (right + 1) * tile - width - edge)
    padded = jnp.pad(x.astype(jnp.float32), ((0, 0), (edge, behind[0]), (edge, behind[1]), (0, 0)))
    return (_transforms(tile)[0] @ overlapping_windows(split_into_tiles(padded, tile))).reshape(
        (tile + 2) ** 2, -1, channels
    )


def _tiles_of_outputs(gradient: Array, tile: int) -> Array:
    """Transformed tiles of a gradient, float32 `[points, tiles, filters]`."""
    _, rows, columns, filters = gradient.shape
    padded = jnp.pad(gradient.astype(jnp.float32), ((0, 0), (0, -rows % tile), (0, -columns % tile), (0, 0)))
    outputs = split_into_tiles(padded, tile).reshape(tile * tile, -1)
    return (_transforms(tile)[2].T @ outputs).reshape((tile + 2) ** 2, -1, filters)


def _transforms(tile: int) -> list[Array]:
    return list(map(jnp.asarray, transforms(tile, own_first=True)))
