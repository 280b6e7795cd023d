"""Fast training layers on JAX.

XLA's CPU compiler spends most of a small network's training step outside the convolutions: max pooling's gradient is a
serial select-and-scatter, batch statistics are taken in two passes, a convolution of one channel and the gradient of a
kernel run at a few percent of the matrix product's speed, and a depthwise one as a loop over single values.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import keras
from jax import lax
from keras import layers

from fer_zoo.training.acceleration.jax_winograd import convolve, kernel_gradient
from fer_zoo.training.acceleration.winograd import filtering_of

Array = jax.Array


class FastMaxPooling2D(layers.MaxPooling2D):
    """2x2 max pooling by comparing four strided slices; other windows are pooled as Keras does."""

    def call(self, inputs: Any) -> Any:
        _, height, width, _ = inputs.shape
        halves = tuple(self.pool_size) == tuple(self.strides) == (2, 2) and height and width
        if not halves or height % 2 or width % 2 or self.data_format != "channels_last":
            return super().call(inputs)
        return _max_pool(inputs)


@jax.custom_vjp
def _max_pool(x: Array) -> Array:
    return _max_pool_forward(x)[0]


def _max_pool_forward(x: Array) -> tuple[Array, Array]:
    """The pooled array, and the index 0..3 of each window's first maximum."""
    best, index = x[:, ::2, ::2], jnp.int8(0)
    for position, (row, column) in enumerate(((0, 1), (1, 0), (1, 1)), start=1):
        other = x[:, row::2, column::2]
        index = jnp.where(other > best, jnp.int8(position), index)
        best = jnp.maximum(best, other)
    return best, index


def _max_pool_backward(index: Array, gradient: Array) -> tuple[Array]:
    batch, height, width, channels = gradient.shape
    positions = jnp.arange(4, dtype=jnp.int8).reshape(1, 1, 2, 1, 2, 1)
    spread = jnp.where(index[:, :, None, :, None] == positions, gradient[:, :, None, :, None], 0)
    return (spread.reshape(batch, 2 * height, 2 * width, channels),)


_max_pool.defvjp(_max_pool_forward, _max_pool_backward)


class FastBatchNormalization(layers.BatchNormalization):
    """Batch normalization with one-pass float32 statistics and the gradient in closed form."""

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        if not (training and self.trainable and len(inputs.shape) == 4 and self.axis in (-1, 3)) or mask is not None:
            return super().call(inputs, training=training, mask=mask)
        mean, variance = jnp.asarray(self.moving_mean), jnp.asarray(self.moving_variance)
        scale = jnp.asarray(self.gamma) if self.scale else jnp.ones_like(mean)
        offset = jnp.asarray(self.beta) if self.center else jnp.zeros_like(mean)
        outputs, batch_mean, batch_variance = _normalize(inputs, scale, offset, mean, self.epsilon)
        keep = self.momentum
        self.moving_mean.assign(mean * keep + batch_mean * (1 - keep))
        self.moving_variance.assign(variance * keep + batch_variance * (1 - keep))
        return keras.ops.cast(outputs, self.compute_dtype)


@partial(jax.custom_vjp, nondiff_argnums=(4,))
def _normalize(x: Array, scale: Array, offset: Array, shift: Array, epsilon: float) -> tuple[Array, Array, Array]:
    """Normalize `x` by its own mean and variance, which are returned too and carry no gradient.

    `shift`, a guess of the mean, keeps the one-pass variance accurate.
    """
    return _normalize_forward(x, scale, offset, shift, epsilon)[0]


def _normalize_forward(x: Array, scale: Array, offset: Array, shift: Array, epsilon: float) -> tuple[Any, Any]:
    count = x.size // x.shape[-1]
    centred = x.astype(jnp.float32) - shift
    excess = _channel_sum(centred) / count
    variance = jnp.maximum(_channel_sum(centred * centred) / count - excess * excess, 0)
    mean = shift + excess
    inverse = lax.rsqrt(variance + epsilon)
    factor = scale * inverse
    y = (x * factor + (offset - mean * factor)).astype(x.dtype)
    return (y, mean, variance), (x, scale, mean, inverse)


def _normalize_backward(epsilon: float, residuals: Any, gradients: Any) -> tuple[Array, Array, Array, Array]:
    x, scale, mean, inverse = residuals
    gradient = gradients[0].astype(jnp.float32)
    count = x.size // x.shape[-1]
    d_offset = _channel_sum(gradient)
    d_scale = _channel_sum(gradient * (x - mean)) * inverse
    factor = scale * inverse
    slope = -factor * inverse * d_scale / count
    dx = gradient * factor + x * slope - (factor * d_offset / count + slope * mean)
    return dx.astype(x.dtype), d_scale, d_offset, jnp.zeros_like(mean)


_normalize.defvjp(_normalize_forward, _normalize_backward)


def _channel_sum(x: Array) -> Array:
    """Sum over batch, rows and columns in two steps, of which XLA runs the first one on all cores."""
    return jnp.sum(jnp.sum(x, axis=(1, 2), dtype=jnp.float32), axis=0)


class FastConv2D(layers.Conv2D):
    """Convolutions whose kernel's gradient is matrix products; grouped and dilated ones run as Keras does."""

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        kernel = jnp.asarray(kernel)
        plain = tuple(self.dilation_rate) == (1, 1) and self.groups == 1 and self.padding in ("same", "valid")
        if not plain or self.data_format != "channels_last":
            return super().convolution_op(inputs, kernel)
        if tuple(self.strides) == (1, 1) and kernel[..., 0].size <= 32:
            return _convolve_patches(inputs, kernel, self.padding)
        if filtering := filtering_of(self, inputs.shape):
            return convolve(inputs, kernel, *filtering)
        return _convolve(inputs, kernel, tuple(self.strides), self.padding)


@partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def _convolve(x: Array, kernel: Array, strides: tuple[int, int], padding: str) -> Array:
    return _stock_convolve(x, kernel, strides, padding)


def _convolve_forward(
    x: Array, kernel: Array, strides: tuple[int, int], padding: str
) -> tuple[Array, tuple[Array, Array]]:
    return _convolve(x, kernel, strides, padding), (x, kernel)


def _convolve_backward(
    strides: tuple[int, int], padding: str, residuals: tuple[Array, Array], gradient: Array
) -> tuple[Array, Array]:
    x, kernel = residuals
    (dx,) = jax.vjp(lambda x: _stock_convolve(x, kernel, strides, padding), x)[1](gradient)
    if kernel.shape[:2] == (3, 3) and strides == (1, 1):
        return dx, kernel_gradient(x, gradient, edge=1 if padding == "same" else 0).astype(kernel.dtype)
    flat = gradient.reshape(-1, gradient.shape[-1])
    products = [
        jnp.dot(window.reshape(-1, x.shape[-1]).T, flat)
        for _, _, window in _windows(x, kernel.shape[:2], strides, padding)
    ]
    return dx, jnp.stack(products).reshape(kernel.shape)


_convolve.defvjp(_convolve_forward, _convolve_backward)


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def _convolve_patches(x: Array, kernel: Array, padding: str) -> Array:
    return _convolve_patches_forward(x, kernel, padding)[0]


def _convolve_patches_forward(x: Array, kernel: Array, padding: str) -> tuple[Array, tuple[Array, Array]]:
    patches = _patches(x, kernel, padding)
    y = jnp.dot(patches.reshape(-1, patches.shape[-1]), kernel.reshape(patches.shape[-1], -1))
    return y.reshape(*patches.shape[:3], -1), (x, kernel)


def _convolve_patches_backward(padding: str, residuals: tuple[Array, Array], gradient: Array) -> tuple[Array, Array]:
    x, kernel = residuals
    patches = _patches(x, kernel, padding)
    d_kernel = jnp.dot(patches.reshape(-1, patches.shape[-1]).T, gradient.reshape(-1, gradient.shape[-1]))
    (dx,) = jax.vjp(lambda x: _stock_convolve(x, kernel, (1, 1), padding), x)[1](gradient)
    return dx, d_kernel.reshape(kernel.shape)


_convolve_patches.defvjp(_convolve_patches_forward, _convolve_patches_backward)


def _patches(x: Array, kernel: Array, padding: str) -> Array:
    """Every window of `x` as `height * width * channels` values in the last axis."""
    return jnp.concatenate([window for _, _, window in _windows(x, kernel.shape[:2], (1, 1), padding)], axis=-1)


def _stock_convolve(x: Array, kernel: Array, strides: tuple[int, int], padding: str) -> Array:
    return lax.conv_general_dilated(x, kernel, strides, padding.upper(), dimension_numbers=("NHWC", "HWIO", "NHWC"))


class FastDepthwiseConv2D(layers.DepthwiseConv2D):
    """A depthwise convolution as a sum of shifted images, each times its kernel value; odd cases run as Keras does."""

    def call(self, inputs: Any) -> Any:
        plain = self.depth_multiplier == 1 and tuple(self.dilation_rate) == (1, 1) and self.padding in ("same", "valid")
        if not plain or self.data_format != "channels_last":
            return super().call(inputs)
        kernel = jnp.asarray(self.kernel)[:, :, :, 0]
        outputs = _depthwise(inputs, kernel, tuple(self.strides), self.padding)
        if self.use_bias:
            outputs = outputs + jnp.asarray(self.bias)
        return outputs if self.activation is None else self.activation(outputs)


@partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def _depthwise(x: Array, kernel: Array, strides: tuple[int, int], padding: str) -> Array:
    return _depthwise_forward(x, kernel, strides, padding)[0]


def _depthwise_forward(
    x: Array, kernel: Array, strides: tuple[int, int], padding: str
) -> tuple[Array, tuple[Array, Array]]:
    y = sum(window * kernel[i, j] for i, j, window in _windows(x, kernel.shape[:2], strides, padding))
    return y, (x, kernel)


def _depthwise_backward(
    strides: tuple[int, int], padding: str, residuals: tuple[Array, Array], gradient: Array
) -> tuple[Array, Array]:
    x, kernel = residuals
    extent = kernel.shape[:2]
    sums = [_channel_sum(window * gradient) for _, _, window in _windows(x, extent, strides, padding)]
    d_kernel = jnp.stack(sums).reshape(kernel.shape).astype(kernel.dtype)
    edges, sizes = _edges(x.shape[1:3], extent, strides, padding)
    # Towards the image it is a convolution with the kernel turned round, of a gradient spread by the stride.
    spread = [
        (size - 1 - low, size - 1 - high + full + low + high - (stride * (count - 1) + size), stride - 1)
        for size, (low, high), full, stride, count in zip(extent, edges, x.shape[1:3], strides, sizes, strict=True)
    ]
    wide = lax.pad(gradient, jnp.zeros((), gradient.dtype), ((0, 0, 0), *spread, (0, 0, 0)))
    turned = kernel[::-1, ::-1]
    dx = sum(window * turned[i, j] for i, j, window in _windows(wide, extent, (1, 1), "valid"))
    return dx, d_kernel


_depthwise.defvjp(_depthwise_forward, _depthwise_backward)


def _edges(
    shape: tuple[int, ...], extent: tuple[int, ...], strides: tuple[int, int], padding: str
) -> tuple[list[tuple[int, int]], list[int]]:
    """Zeros before and after the rows and the columns, and how many windows of `extent` each direction has."""
    if padding == "valid":
        sizes = [(full - size) // stride + 1 for full, size, stride in zip(shape, extent, strides, strict=True)]
        return [(0, 0), (0, 0)], sizes
    sizes = [-(-full // stride) for full, stride in zip(shape, strides, strict=True)]
    totals = [
        max((count - 1) * stride + size - full, 0)
        for count, stride, size, full in zip(sizes, strides, extent, shape, strict=True)
    ]
    return [(total // 2, total - total // 2) for total in totals], sizes


def _windows(x: Array, extent: tuple[int, ...], strides: tuple[int, int], padding: str) -> Iterator[Any]:
    """Row and column within a window, and the values of `x`, padded, that all windows have there."""
    edges, (rows, columns) = _edges(x.shape[1:3], extent, strides, padding)
    x = jnp.pad(x, ((0, 0), *edges, (0, 0)))
    down, right = strides
    for i in range(extent[0]):
        for j in range(extent[1]):
            yield i, j, x[:, i : i + (rows - 1) * down + 1 : down, j : j + (columns - 1) * right + 1 : right]


FAST_LAYERS = {
    layers.DepthwiseConv2D: FastDepthwiseConv2D,
    layers.MaxPooling2D: FastMaxPooling2D,
    layers.BatchNormalization: FastBatchNormalization,
    layers.Conv2D: FastConv2D,
}
