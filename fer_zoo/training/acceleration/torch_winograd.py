"""3x3 convolutions on PyTorch as the matrix products of `winograd`.

oneDNN computes them as plain sums, close to the CPU's peak in float32, which is what its matrix products reach too: the
products saved are time saved. Transforms are matrix products of a few images at a time, whose tiles stay in the cache.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch.nn.functional import pad

from fer_zoo.training.acceleration.winograd import Filtering, transforms

# Of transformed tiles at once; the cache that cores of a CPU share has room for the input's and the output's.
_BYTES = 32 << 20


def convolve(x: torch.Tensor, kernel: torch.Tensor, edge: int, scheme: Filtering) -> torch.Tensor:
    """Convolve images with 3x3 kernels at stride 1.

    Args:
        x: float32 `[batch, height, width, channels]`.
        kernel: float32 `[3, 3, channels, filters]`.
        edge: Zeros on each side, 0 or 1.
        scheme: Tiles that outputs are computed in.

    Returns:
        float32 `[batch, height + 2 * edge - 2, width + 2 * edge - 2, filters]`.
    """
    return _Convolution.apply(x, kernel, edge, scheme)


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, kernel: torch.Tensor, edge: int, scheme: Filtering) -> torch.Tensor:
        batch, height, width, channels = x.shape
        filters = kernel.shape[-1]
        rows, columns = height + 2 * edge - 2, width + 2 * edge - 2
        tile, size = scheme.tile, scheme.tile + 2
        down, right = scheme.grid(rows, columns)
        full = (down * tile + 2, right * tile + 2)
        of_input, of_kernel, of_output = _transforms(tile)
        points = (of_kernel @ kernel.reshape(9, -1)).view(-1, channels, filters)
        y = x.new_empty(batch, rows, columns, filters)
        tiles_of_all = []
        for some in _chunks(batch, size * size * down * right * max(channels, filters)):
            padded = pad(x[some], (0, 0, edge, full[1] - width - edge, edge, full[0] - height - edge))
            steps = (full[1] * channels, channels, full[0] * full[1] * channels)
            windows = padded.as_strided(
                (size, size, len(padded), down, right, channels), (*steps, tile * steps[0], tile * steps[1], 1)
            )
            tiles = (of_input @ windows.reshape(size * size, -1)).view(size * size, -1, channels)
            tiles_of_all.append(tiles)
            outputs = of_output @ torch.bmm(tiles, points).view(size * size, -1)
            outputs = outputs.view(tile, tile, -1, down, right, filters).permute(2, 3, 0, 4, 1, 5)
            y[some] = outputs.reshape(-1, down * tile, right * tile, filters)[:, :rows, :columns]
        ctx.save_for_backward(points, *tiles_of_all)
        ctx.edge, ctx.scheme, ctx.shape, ctx.tiles, ctx.full = edge, scheme, x.shape, (down, right), full
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        points, *tiles_of_all = ctx.saved_tensors
        (gradient,), (down, right), full = gradients, ctx.tiles, ctx.full
        scheme, (batch, height, width, channels) = ctx.scheme, ctx.shape
        tile, size, filters = scheme.tile, scheme.tile + 2, gradient.shape[-1]
        of_input, of_kernel, of_output = _transforms(tile)
        dx = gradient.new_empty(ctx.shape) if ctx.needs_input_grad[0] else None
        d_points = torch.zeros_like(points)
        chunks = _chunks(batch, size * size * down * right * max(channels, filters))
        for some, tiles in zip(chunks, tiles_of_all, strict=True):
            padded = pad(
                gradient[some], (0, 0, 0, right * tile - gradient.shape[2], 0, down * tile - gradient.shape[1])
            )
            outputs = padded.view(-1, down, tile, right, tile, filters).permute(2, 4, 0, 1, 3, 5)
            products = (of_output.T @ outputs.reshape(tile * tile, -1)).view(size * size, -1, filters)
            if ctx.needs_input_grad[1]:
                d_points.baddbmm_(tiles.transpose(1, 2), products)
            if dx is not None:
                windows = of_input.T @ torch.bmm(products, points.transpose(1, 2)).view(size * size, -1)
                folded = _fold(windows.view(size, size, -1, down, right, channels), tile, full)
                dx[some] = folded[:, ctx.edge : ctx.edge + height, ctx.edge : ctx.edge + width]
        d_kernel = (of_kernel.T @ d_points.view(size * size, -1)).view(3, 3, channels, filters)
        return dx, d_kernel, None, None


def _fold(windows: torch.Tensor, tile: int, full: tuple[int, int]) -> torch.Tensor:
    """Sum of windows, `[size, size, batch, down, right, channels]`, each where it begins: every `tile` pixels."""
    size, _, batch, down, right, channels = windows.shape
    folded = windows.new_zeros(batch, *full, channels)
    rows, columns = (down - 1) * tile + 1, (right - 1) * tile + 1
    for i in range(size):
        for j in range(size):
            folded[:, i : i + rows : tile, j : j + columns : tile] += windows[i, j]
    return folded


def _chunks(batch: int, values: int) -> list[slice]:
    """Slices of a batch, of images that have `values` float32 each."""
    step = max(1, _BYTES // (4 * values))
    return [slice(start, start + step) for start in range(0, batch, step)]


@cache
def _transforms(tile: int) -> list[torch.Tensor]:
    return [torch.from_numpy(matrix) for matrix in transforms(tile)]
